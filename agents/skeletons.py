"""From a spec to the variables of a kernel template: names, dtypes, index expressions, the operator.

`bind(template, spec)` answers None where the skeleton does not fit the spec. Templates lie in `kernels/`: CUDA
with `${variable}` and, on lines that start with `%%`, Jinja statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cudagym.agents import bodies, operators
from cudagym.specs.spec import HEADERS, DType, KernelSpec, Parameter

Variables = dict[str, Any]

_FRAGMENTS = {"fp16": "__half", "bf16": "__nv_bfloat16", "tf32": "wmma::precision::tf32"}
"""By a spec's math, the element type of the tensor cores' operands (CUDA C++ Programming Guide, "Element Types and
Matrix Sizes")."""
_PACK_BYTES = 16
"""The widest load a thread can issue (PTX ISA 8.0: `ld.global.v4.b32`)."""


def bind(template: str, spec: KernelSpec) -> Variables | None:
    """The variables that `kernels/<template>.cu` needs for `spec`, or None when it cannot compute it."""
    skeleton = next(name for name in _BINDERS if template.startswith(name + "_"))
    if len(spec.outputs) != 1 or not spec.inputs:
        return None
    found = _BINDERS[skeleton](spec)
    if found is None or (template in _NEEDS and not _NEEDS[template](spec, found)):
        return None
    return {**_common(spec), **found}


def _declare(parameters: Iterable[Parameter]) -> str:
    return ", ".join(p.declaration for p in parameters)


def _names(parameters: Iterable[Parameter]) -> str:
    return ", ".join(p.name for p in parameters)


def _common(spec: KernelSpec) -> Variables:
    output = spec.outputs[0]
    dtypes = dict.fromkeys(p.dtype for p in spec.parameters)
    return {
        "headers": [HEADERS[dtype] for dtype in dtypes if dtype in HEADERS],
        "parameters": _declare(spec.parameters),
        "arguments": _names(spec.parameters),
        "declare": _declare,
        "names": _names,
        "inputs": spec.inputs,
        "scalars": spec.scalars,
        "output": output,
        "x": spec.inputs[0].name,
        "y": output.name,
        "element": spec.inputs[0].dtype.c,
        "load": lambda text: _load(spec.inputs[0], text),
        "combine": {"sum": "v + w", "max": "fmaxf(v, w)"}.__getitem__,
        "type": "float",
    }


def _load(parameter: Parameter, text: str) -> str:
    """Half-precision elements need a cast where an expression mixes them with floats."""
    return f"(float){text}" if parameter.dtype in HEADERS else text


def _product(axes: Iterable[str | int]) -> str:
    """The number of elements along `axes`, in 64 bits if several are multiplied."""
    first, *rest = map(str, axes)
    return " * ".join([f"(long long){first}" if rest else first, *rest])


def _rows(parameter: Parameter) -> Variables:
    """The array as a matrix whose columns are its last axis."""
    *outer, last = parameter.axes
    return {"rows": _product(outer or [1]), "cols": last, "count": _product(parameter.axes)}


def _width(parameters: Iterable[Parameter]) -> int:
    """Elements per pack: the widest of these arrays fills one 16-byte access."""
    return _PACK_BYTES // max(p.dtype.size for p in parameters)


def _map(spec: KernelSpec) -> Variables | None:
    expression = operators.MAPS.get(operators.operation(spec))
    output = spec.outputs[0]
    # An input is either as large as the output or one row of it.
    if expression is None or any(p.axes not in (output.axes, output.axes[-1:]) for p in spec.inputs):
        return None
    whole = [p for p in spec.inputs if p.axes == output.axes]
    sizes = {axis for p in spec.arrays for axis in p.axes}
    extra = [p for p in spec.scalars if p.name not in sizes]
    operands = sorted((*spec.inputs, *extra), key=spec.parameters.index)
    index = {p.name: "{i}" if p in whole else f"{{i}} % {output.axes[-1]}" for p in spec.inputs}

    def loads(place: Callable[[Parameter], str]) -> str:
        return ", ".join(p.name if p in extra else place(p) for p in operands)

    return {
        **_rows(output),
        "expression": expression,
        "type": "float" if output.dtype.is_float else "int",
        "op_parameters": ", ".join(f"{_held(p)} {p.name}" for p in operands),
        "packable": whole,
        "width": _width(spec.arrays),
        "loads": lambda i: loads(lambda p: f"{p.name}[{index[p.name].format(i=i)}]"),
        "pack_loads": lambda k: loads(lambda p: f"p{p.name}.e[{k}]"),
        "row_loads": lambda c: loads(lambda p: f"{p.name}[{f'base + {c}' if p in whole else c}]"),
    }


def _held(parameter: Parameter) -> str:
    """The type in which an operand is computed with."""
    return "float" if parameter.dtype.is_float else "int"


def _reduction(spec: KernelSpec) -> Variables | None:
    reduction = operators.REDUCTIONS.get(operators.operation(spec))
    x = spec.inputs[0]
    if reduction is None or not x.dtype.is_float:
        return None
    if len(spec.inputs) != 1 and not (reduction.term and [p.name for p in spec.inputs] == ["x", "y"]):
        return None
    variables = {
        **_rows(x),
        "operator": reduction.operator,
        "keyed": reduction.index,
        "identity": {"sum": "0.0f", "max": "-INFINITY"}[reduction.operator],
        "finish": reduction.finish,
        "width": _width([x]),
        "value": lambda i: reduction.term.format(i=i) if reduction.term else f"{x.name}[{i}]",
        "row_value": lambda c: f"from[{c}]",
        "pack_value": lambda k, place: f"in.e[{k}]",
    }
    if reduction.index:
        variables |= {
            "type": "unsigned long long",
            "identity": "0",
            "finish": "~(unsigned)v",
            "combine": {"max": "max(v, w)"}.__getitem__,
            "value": lambda i: f"key({x.name}[{i}], {i})",
            "row_value": lambda c: f"key(from[{c}], {c})",
            "pack_value": lambda k, place: f"key(in.e[{k}], {place})",
        }
    return variables


def _reduce(spec: KernelSpec) -> Variables | None:
    return _reduction(spec) if spec.outputs[0].axes == (1,) else None


def _row_reduce(spec: KernelSpec) -> Variables | None:
    return _reduction(spec) if spec.outputs[0].axes == spec.inputs[0].axes[:-1] else None


def _softmax(spec: KernelSpec) -> Variables | None:
    finish = operators.SOFTMAXES.get(operators.operation(spec))
    if finish is None or [p.axes for p in spec.inputs] != [spec.outputs[0].axes]:
        return None
    return {**_rows(spec.outputs[0]), "finish": finish, "width": _width(spec.arrays)}


def _norm(spec: KernelSpec) -> Variables | None:
    norm = operators.NORMS.get(operators.operation(spec))
    if norm is None or spec.inputs[0].axes != spec.outputs[0].axes:
        return None
    columns = spec.inputs[1:]
    if {p.name for p in columns} != norm.inputs or not {"cols", "eps"} <= {p.name for p in spec.scalars}:
        return None
    return {
        **_rows(spec.outputs[0]),
        "centred": norm.centred,
        "scale": norm.scale,
        "columns": columns,
        "width": _width(spec.arrays),
        "finish": norm.finish.format_map({p.name: _load(p, f"{p.name}[c]") for p in columns}),
        "pack_finish": norm.finish.format_map({p.name: _load(p, f"p{p.name}.e[k]") for p in columns}),
    }


def _each(spec: KernelSpec) -> Variables | None:
    each = bodies.EACH.get(operators.operation(spec))
    output = spec.outputs[0]
    if each is None or tuple(p.name for p in spec.parameters) != each.parameters:
        return None
    return {
        **_rows(output),
        "type": "float" if output.dtype.is_float else output.dtype.c,
        "coordinates": list(zip(each.coordinates, output.axes, strict=True)),
        "last": each.coordinates[-1],
        "body": each.body,
    }


def _team(spec: KernelSpec) -> Variables | None:
    team = bodies.TEAMS.get(operators.operation(spec))
    if team is None or tuple(p.name for p in spec.parameters) != team.parameters:
        return None
    return {"teams": team.teams, "body": team.body, "maximum": "team_max" in team.body}


def _permutation(spec: KernelSpec) -> Variables | None:
    x, y = spec.inputs[0], spec.outputs[0]
    known = operators.operation(spec) in operators.TRANSPOSITIONS
    if not known or y.axes != (x.axes[-1], *x.axes[:-1]):
        return None
    return {**_rows(x), "width": 4}


def _matmul(spec: KernelSpec) -> Variables | None:
    product = operators.PRODUCTS.get(operators.operation(spec))
    if product is None or any(len(p.axes) != 2 for p in (*spec.inputs[:2], spec.outputs[0])):
        return None
    a, b, y = (*spec.inputs[:2], spec.outputs[0])
    (m, k), (_, n) = a.axes, y.axes
    transposed = b.axes == (n, k)
    if y.axes != (m, n) or b.axes not in ((k, n), (n, k)):
        return None
    exact = not y.dtype.is_float

    def a_at(row: str, inner: str) -> str:
        return _load(a, f"{a.name}[{row} * {k} + {inner.strip('()')}]")

    def b_at(inner: str, col: str) -> str:
        place = f"{col} * {k} + {inner.strip('()')}" if transposed else f"{inner} * {n} + {col.strip('()')}"
        return product.decode.format(b=_load(b, f"{b.name}[{place}]"))

    def store(row: str, col: str, acc: str) -> str:
        bare = col.strip("()")
        return f"{y.name}[{row} * {n} + {bare}] = {product.finish.format(acc=acc, col=bare)};"

    return {
        "M": m,
        "N": n,
        "K": k,
        "transposed": transposed,
        "type": "int" if exact else "float",
        "zero": "0" if exact else "0.0f",
        "a": a.name,
        "b": b.name,
        "width": _width([a, b]),
        "fragment": _FRAGMENTS.get(spec.math, ""),
        "step": 8 if spec.math == "tf32" else 16,
        "a_at": a_at,
        "b_at": b_at,
        "store": store,
    }


def _attention(spec: KernelSpec) -> Variables | None:
    causal = operators.ATTENTIONS.get(operators.operation(spec))
    names = [p.name for p in spec.parameters]
    fits = names == ["q", "k", "v", "out", "heads", "seq", "dim"] and all(
        p.axes == ("heads", "seq", "dim") and p.dtype is DType.F32 for p in spec.arrays
    )
    if causal is None or not fits:
        return None
    return {"causal": causal}


def _stream(spec: KernelSpec) -> Variables | None:
    stream = operators.STREAMS.get(operators.operation(spec))
    if stream is None or [p.name for p in spec.arrays] != ["q", "k", "v", "out"] or _attention(spec):
        return None
    q, k, v, out = (p.axes for p in spec.arrays)
    if not (k == v == ("heads", "seq", "dim") and q == out and q[0] == "heads" and q[-1] == "dim"):
        return None
    return {
        "queries": stream.queries,
        "head_of": stream.head,
        "index": stream.i,
        "first": stream.first,
        "last": stream.last,
        "logit_scale": stream.scale,
    }


def _scan(spec: KernelSpec) -> Variables | None:
    exclusive = operators.SCANS.get(operators.operation(spec))
    if exclusive is None or [p.axes for p in spec.inputs] != [spec.outputs[0].axes]:
        return None
    if exclusive and spec.outputs[0].dtype.is_float:
        return None  # Templates get the exclusive sum by subtraction, which is exact for integers only.
    held = {DType.I64: "long long", DType.I32: "int"}.get(spec.outputs[0].dtype, "float")
    return {**_rows(spec.outputs[0]), "exclusive": exclusive, "type": held}


def _histogram(spec: KernelSpec) -> Variables | None:
    (x, counts) = spec.arrays[:2]
    if x.axes != ("n",) or x.dtype.is_float or len(counts.axes) != 1 or counts.dtype is not DType.I32:
        return None
    indices = x.below == counts.axes[0] or (x.dtype is DType.U8 and counts.axes == (256,))
    return {"bins": counts.axes[0]} if indices else None


def _compaction(spec: KernelSpec) -> Variables | None:
    keep = operators.COMPACTIONS.get(operators.operation(spec))
    if keep is None or [p.axes for p in spec.arrays] != [("n",), ("n",)]:
        return None
    return {"keep": keep, "type": "int"}


def _sort(spec: KernelSpec) -> Variables | None:
    order = operators.SORTS.get(spec.name)
    if order is None or [p.axes for p in spec.arrays] != [("rows", "cols")] * 2:
        return None
    return {"before": order.before, "last": order.last}


def _top(spec: KernelSpec) -> Variables | None:
    if operators.operation(spec) != "top8" or spec.outputs[0].axes != ("rows", 8):
        return None
    return {"count": 8}


def _whole_scan(spec: KernelSpec) -> Variables | None:
    return _scan(spec) if len(spec.outputs[0].axes) == 1 else None


def _row_scan(spec: KernelSpec) -> Variables | None:
    return _scan(spec) if len(spec.outputs[0].axes) > 1 else None


_BINDERS: Mapping[str, Callable[[KernelSpec], Variables | None]] = {
    "map": _map,
    "reduce": _reduce,
    "row_reduce": _row_reduce,
    "softmax": _softmax,
    "norm": _norm,
    "permutation": _permutation,
    "each": _each,
    "team": _team,
    "matmul": _matmul,
    "attention": _attention,
    "stream": _stream,
    "scan": _whole_scan,
    "row_scan": _row_scan,
    "histogram": _histogram,
    "compaction": _compaction,
    "sort": _sort,
    "top": _top,
}


def _broadcasts(spec: KernelSpec) -> bool:
    return any(p.axes != spec.outputs[0].axes for p in spec.inputs)


def _has_one_dtype(spec: KernelSpec) -> bool:
    return len({p.dtype for p in spec.arrays}) == 1


def _may_be_wide(spec: KernelSpec) -> bool:
    """Tiles pay for rows of any length, packs of whole rows for a known and small one."""
    return isinstance(spec.inputs[0].axes[-1], str)


def _adds_floats(spec: KernelSpec, found: Variables) -> bool:
    return spec.outputs[0].dtype is DType.F32 and found["operator"] == "sum"


_NEEDS: Mapping[str, Callable[[KernelSpec, Variables], bool]] = {
    "map_grid_stride": lambda spec, _: not _broadcasts(spec),
    "map_packed": lambda spec, _: not _broadcasts(spec),
    "map_block_per_row": lambda spec, _: len(spec.outputs[0].axes) > 1,
    "map_packed_row": lambda spec, _: len(spec.outputs[0].axes) > 1,
    "permutation_packed_rows": lambda spec, _: not _may_be_wide(spec),
    "permutation_shared_tile": lambda spec, _: _may_be_wide(spec),
    "permutation_shared_tile_rows": lambda spec, _: _may_be_wide(spec),
    "each_block_per_row": lambda spec, _: len(spec.outputs[0].axes) > 1,
    "softmax_block_packed": lambda spec, _: _has_one_dtype(spec),
    "norm_block_packed": lambda spec, _: _has_one_dtype(spec),
    "reduce_atomic_per_thread": _adds_floats,
    "reduce_shuffle_atomic": _adds_floats,
    "reduce_packed_shuffle": lambda spec, found: _adds_floats(spec, found) and len(spec.inputs) == 1,
    "histogram_shared_counters": lambda spec, _: spec.inputs[0].dtype is DType.U8 and spec.outputs[0].axes == (256,),
    "matmul_packed_tile": lambda _, found: found["type"] == "float",
    "stream_split_keys": lambda spec, _: "seq" not in spec.outputs[0].axes,
    "matmul_tensor_tile": lambda spec, found: bool(found["fragment"]) and _has_one_dtype(spec),
    "matmul_tensor_packed": lambda spec, found: (
        bool(found["fragment"]) and _has_one_dtype(spec) and not found["transposed"]
    ),
    "matmul_dot4_tile": lambda spec, _: {p.dtype for p in spec.inputs} == {DType.I8},
}
"""What a template asks beyond what its skeleton does."""
