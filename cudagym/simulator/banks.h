/* Banks of shared memory: how often an access of a warp passes through them.

   32 banks of 4 bytes serve one word each per pass. Accesses of 8 bytes go by half warps and those of 16 by quarters, of
   which two join where lanes pair up. */

#pragma once
#include <stdint.h>

/* Whether all 32 lanes name one word, or words in a row: one pass. */
static int in_a_row(const uint64_t *address) {
    uint32_t first = (uint32_t)address[0], same = 0, row = 0;
    for (uint32_t i = 0; i < 32; i++) same |= (uint32_t)address[i] ^ first;
    for (uint32_t i = 0; i < 32; i++) row |= (uint32_t)address[i] ^ (first + 4 * i);
    return !(same >> 2) || !(row >> 2);
}

/* The most distinct words that these lanes want of one bank. */
static uint32_t passes(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    uint32_t seen[32][32];
    uint8_t count[32] = {0};
    uint32_t most = 0, words = (bytes + 3) / 4;
    if (mask == 0xffffffffu && bytes <= 4 && in_a_row(address)) return 1;
    for (; mask; mask &= mask - 1) {
        uint32_t word = (uint32_t)(address[__builtin_ctz(mask)] >> 2);
        for (uint32_t k = 0; k < words; k++, word++) {
            uint32_t bank = word & 31, n = count[bank], j = 0;
            while (j < n && seen[bank][j] != word) j++;
            if (j == n && n < 32) {
                seen[bank][n] = word;
                if ((count[bank] = (uint8_t)(n + 1)) > most) most = n + 1;
            }
        }
    }
    return most;
}

/* Whether each of these lanes names what the lane `apart` (1 or 2) from it names, or that one is not active. */
static int in_pairs(const uint64_t *address, uint32_t mask, int apart) {
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int i = __builtin_ctz(rest), k = i ^ apart;
        if (mask >> k & 1 && address[i] != address[k]) return 0;
    }
    return 1;
}

/* Passes that the lanes of `mask` take, each of which accesses `bytes` bytes at its address. */
static uint32_t wavefronts(const uint64_t *address, uint32_t mask, uint32_t bytes) {
    if (bytes <= 4) return passes(address, mask, bytes);
    uint32_t sum = 0, width = bytes == 8 ? 32 : 16;
    for (uint32_t at = 0; at < 32; at += width) {
        uint32_t group = mask & (width == 32 ? 0xffffffffu : 0xffffu << at);
        if (in_pairs(address, group, 1) || in_pairs(address, group, 2)) sum += passes(address, group, bytes);
        else {
            uint32_t low = group & ((1u << (at + width / 2)) - 1);
            sum += passes(address, low, bytes) + passes(address, group & ~low, bytes);
        }
    }
    return sum;
}
