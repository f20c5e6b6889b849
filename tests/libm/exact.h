// SPDX-License-Identifier: BSD-2-Clause
// What must be the same to the last bit: arithmetic of long double, conversions, texts, functions
// with whole numbers.
#pragma once

/// Writes the bytes to the reference, or compares them with it and says what differs.
void same(const char* what, const void* bytes, size_t size, double x, double y);
void exact(void);
/// All functions of float: how far they are, and those that must be the same.
void floats(void);
