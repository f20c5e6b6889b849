// SPDX-License-Identifier: BSD-2-Clause
// Random numbers for programs and for layouts: ChaCha20 with fast key erasure. What was handed out
// cannot be computed afterwards, even by who reads all of memory: the key it came from is gone.
// Context of all: any; a spin lock is held for at most one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace drupe::entropy {

/// Whether the bytes given are fit to count as a seed, or only make things better.
enum class Quality : std::uint8_t { seed, stir };

/// Mixes `bytes` in; they cannot make the state worse, whoever chose them. A boot loader's seed, a
/// hardware generator, what a program writes to /dev/urandom.
void add(std::span<const std::byte> bytes, Quality quality);
/// True once at least 16 bytes of seed quality came in.
bool is_seeded();

/// The last resort of a machine that gives no seed: stirs in how long loads and stores take, by
/// the CPU's counter, and counts that as a seed. Some 100,000 instructions, no lock for long. On a
/// machine whose time is computed from its instructions it gives the same every time.
void seed_from_timing();

void fill(std::span<std::byte> bytes);

} // namespace drupe::entropy
