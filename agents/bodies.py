"""Operations whose kernels share no skeleton with others, as the body of a function in CUDA C++.

`EACH` computes one output element from its coordinates. `TEAMS` has a team of threads do one unit of work, a row or
a channel: the same text serves one thread, a warp and a block. Like `operators`, this file knows formulas; templates
decide how threads are laid out. Bodies name the spec's own parameters.
"""

from __future__ import annotations

from textwrap import dedent, indent

from pydantic import Field, field_validator

from cudagym.record import Record


class _Body(Record):
    parameters: tuple[str, ...] = Field(min_length=2)
    """Of the spec, in order: another operation of the same name is not mistaken for this one."""
    body: str

    @field_validator("body")
    @classmethod
    def _indented(cls, text: str) -> str:
        return indent(dedent(text).strip("\n"), "    ")


class Each(_Body):
    """`return`s the element at `coordinates`, which are int64 and named here for the output's axes in order."""

    coordinates: tuple[str, ...]


class Team(_Body):
    """Does the work of one team: `team` is its number below `teams`, `lane` the thread within its `lanes`.
    `team_sum(v)` and `team_max(v)` give every lane the sum or maximum of all lanes' v.
    """

    teams: str


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


EACH = {
    "split_heads": Each(
        parameters=_names("x y seq heads dim"),
        coordinates=_names("h i d"),
        body="return x[(i * heads + h) * dim + d];",
    ),
    "nchw_to_nhwc": Each(
        parameters=_names("x y batch channels plane"),
        coordinates=_names("b i c"),
        body="return x[(b * channels + c) * plane + i];",
    ),
    "batched_matmul": Each(
        parameters=_names("A B C batch M N K"),
        coordinates=_names("b i j"),
        body="""
            float sum = 0.0f;
            for (int k = 0; k < K; k++) {
                sum += A[(b * M + i) * K + k] * B[(b * K + k) * N + j];
            }
            return sum;
        """,
    ),
    "triangular_matmul": Each(
        parameters=_names("A B C M N"),
        coordinates=_names("i j"),
        body="""
            float sum = 0.0f;
            for (int k = 0; k <= i; k++) {
                sum += A[i * M + k] * B[(long long)k * N + j];
            }
            return sum;
        """,
    ),
    "symmetric_matmul": Each(
        parameters=_names("A B C M N"),
        coordinates=_names("i j"),
        body="""
            float sum = 0.0f;
            for (long long k = 0; k < M; k++) {
                sum += (k <= i ? A[i * M + k] : A[k * M + i]) * B[k * N + j];
            }
            return sum;
        """,
    ),
    "diagonal_matmul": Each(
        parameters=_names("d B C M N"),
        coordinates=_names("i j"),
        body="return d[i] * B[i * N + j];",
    ),
    "rope": Each(
        parameters=_names("x cos sin y seq heads half"),
        coordinates=_names("i h part p"),
        body="""
            const float* pair = x + (i * heads + h) * 2 * half + p;
            float c = cos[i * half + p];
            float s = sin[i * half + p];
            return part == 0 ? pair[0] * c - pair[half] * s : pair[half] * c + pair[0] * s;
        """,
    ),
    "conv2d_3x3": Each(
        parameters=_names("x w y batch channels filters height width"),
        coordinates=_names("b f i j"),
        body="""
            float sum = 0.0f;
            for (int c = 0; c < channels; c++) {
                for (int d = 0; d < 3; d++) {
                    for (int e = 0; e < 3; e++) {
                        long long row = i + d - 1;
                        long long col = j + e - 1;
                        if (row < 0 || row >= height || col < 0 || col >= width) continue;
                        float v = x[((b * channels + c) * height + row) * width + col];
                        sum += v * w[((f * channels + c) * 3 + d) * 3 + e];
                    }
                }
            }
            return sum;
        """,
    ),
    "depthwise_conv2d_3x3": Each(
        parameters=_names("x w y batch channels height width"),
        coordinates=_names("b c i j"),
        body="""
            float sum = 0.0f;
            for (int d = 0; d < 3; d++) {
                for (int e = 0; e < 3; e++) {
                    long long row = i + d - 1;
                    long long col = j + e - 1;
                    if (row >= 0 && row < height && col >= 0 && col < width) {
                        sum += x[((b * channels + c) * height + row) * width + col] * w[(c * 3 + d) * 3 + e];
                    }
                }
            }
            return sum;
        """,
    ),
    "causal_conv1d": Each(
        parameters=_names("x w y batch seq channels"),
        coordinates=_names("b t c"),
        body="""
            float sum = 0.0f;
            for (int k = 0; k < 4; k++) {
                if (t + k >= 3) sum += (float)x[(b * seq + t + k - 3) * channels + c] * (float)w[c * 4 + k];
            }
            return sum;
        """,
    ),
    "max_pool2d": Each(
        parameters=_names("x y planes height width"),
        coordinates=_names("p i j"),
        body="""
            const float* top = x + ((p * height + i) * 2 * width + j) * 2;
            const float* bottom = top + 2LL * width;
            return fmaxf(fmaxf(top[0], top[1]), fmaxf(bottom[0], bottom[1]));
        """,
    ),
    "avg_pool2d": Each(
        parameters=_names("x y planes height width"),
        coordinates=_names("p i j"),
        body="""
            float sum = 0.0f;
            int cells = 0;
            for (long long k = max(i - 1, 0LL); k <= min(i + 1, height - 1LL); k++) {
                for (long long l = max(j - 1, 0LL); l <= min(j + 1, width - 1LL); l++) {
                    sum += (float)x[(p * height + k) * width + l];
                    cells++;
                }
            }
            return sum / cells;
        """,
    ),
    "jacobi_2d": Each(
        parameters=_names("x y height width"),
        coordinates=_names("i j"),
        body="""
            const float* cell = x + i * width + j;
            if (i == 0 || j == 0 || i == height - 1 || j == width - 1) return *cell;
            return 0.25f * (cell[-width] + cell[width] + cell[-1] + cell[1]);
        """,
    ),
    "heat_3d": Each(
        parameters=_names("x y depth height width alpha"),
        coordinates=_names("i j k"),
        body="""
            long long plane = (long long)height * width;
            const float* cell = x + i * plane + j * width + k;
            bool face = i == 0 || j == 0 || k == 0 || i == depth - 1 || j == height - 1 || k == width - 1;
            if (face) return *cell;
            float sum = cell[-plane] + cell[plane] + cell[-width] + cell[width] + cell[-1] + cell[1];
            return *cell + alpha * (sum - 6.0f * *cell);
        """,
    ),
}

TEAMS = {
    "mean_var": Team(
        parameters=_names("x out rows cols"),
        teams="rows",
        body="""
            const float* row = x + team * cols;
            float sum = 0.0f;
            for (long long c = lane; c < cols; c += lanes) {
                sum += row[c];
            }
            float mean = team_sum(sum) / cols;
            float squares = 0.0f;
            for (long long c = lane; c < cols; c += lanes) {
                squares += (row[c] - mean) * (row[c] - mean);
            }
            squares = team_sum(squares);
            if (lane == 0) {
                out[2 * team] = mean;
                out[2 * team + 1] = squares / cols;
            }
        """,
    ),
    "groupnorm": Team(
        parameters=_names("x weight bias y batch groups per plane eps"),
        teams="(long long)batch * groups",
        body="""
            long long count = (long long)per * plane;
            long long base = team * count;
            long long channel = team % groups * per;
            float sum = 0.0f;
            for (long long e = lane; e < count; e += lanes) {
                sum += x[base + e];
            }
            float mean = team_sum(sum) / count;
            float squares = 0.0f;
            for (long long e = lane; e < count; e += lanes) {
                float v = x[base + e] - mean;
                squares += v * v;
            }
            float scale = 1.0f / sqrtf(team_sum(squares) / count + eps);
            for (long long e = lane; e < count; e += lanes) {
                long long c = channel + e / plane;
                y[base + e] = (x[base + e] - mean) * scale * weight[c] + bias[c];
            }
        """,
    ),
    "batchnorm": Team(
        parameters=_names("x weight bias y batch channels plane eps"),
        teams="channels",
        body="""
            float sum = 0.0f;
            for (long long b = 0; b < batch; b++) {
                const float* from = x + (b * channels + team) * plane;
                for (long long i = lane; i < plane; i += lanes) {
                    sum += from[i];
                }
            }
            float mean = team_sum(sum) / ((float)batch * plane);
            float squares = 0.0f;
            for (long long b = 0; b < batch; b++) {
                const float* from = x + (b * channels + team) * plane;
                for (long long i = lane; i < plane; i += lanes) {
                    squares += (from[i] - mean) * (from[i] - mean);
                }
            }
            float scale = 1.0f / sqrtf(team_sum(squares) / ((float)batch * plane) + eps);
            for (long long b = 0; b < batch; b++) {
                long long base = (b * channels + team) * plane;
                for (long long i = lane; i < plane; i += lanes) {
                    y[base + i] = (x[base + i] - mean) * scale * weight[team] + bias[team];
                }
            }
        """,
    ),
    "matmul_int4": Team(
        parameters=_names("x w scale y M N groups"),
        teams="(long long)M * N",
        body="""
            const __half* from = x + team / N * groups * 32;
            const unsigned char* packed = w + team % N * groups * 16;
            const __half* steps = scale + team % N * groups;
            float sum = 0.0f;
            for (long long p = lane; p < 16LL * groups; p += lanes) {
                float low = (packed[p] & 15) - 8;
                float high = (packed[p] >> 4) - 8;
                sum += ((float)from[2 * p] * low + (float)from[2 * p + 1] * high) * (float)steps[p / 16];
            }
            sum = team_sum(sum);
            if (lane == 0) {
                y[team] = sum;
            }
        """,
    ),
    "cross_entropy": Team(
        parameters=_names("logits target loss rows cols"),
        teams="rows",
        body="""
            float m = -3.0e38f;
            for (int c = lane; c < cols; c += lanes) {
                m = fmaxf(m, (float)logits[team * cols + c]);
            }
            m = team_max(m);
            float sum = 0.0f;
            for (int c = lane; c < cols; c += lanes) {
                sum += expf((float)logits[team * cols + c] - m);
            }
            sum = team_sum(sum);
            if (lane == 0) {
                loss[team] = logf(sum) + (m - (float)logits[team * cols + target[team]]);
            }
        """,
    ),
    "kl_divergence": Team(
        parameters=_names("p q out rows cols"),
        teams="rows",
        body="""
            float sum = 0.0f;
            for (long long e = team * cols + lane; e < (team + 1) * cols; e += lanes) {
                sum += p[e] * (logf(p[e]) - logf(q[e]));
            }
            sum = team_sum(sum);
            if (lane == 0) {
                out[team] = sum;
            }
        """,
    ),
}
