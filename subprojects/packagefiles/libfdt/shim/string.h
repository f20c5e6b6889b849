// SPDX-License-Identifier: BSD-2-Clause
// The part of <string.h> that libfdt uses; the kernel's image has to define these functions.
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void* memcpy(void* to, const void* from, size_t bytes);
void* memmove(void* to, const void* from, size_t bytes);
void* memset(void* to, int value, size_t bytes);
int memcmp(const void* a, const void* b, size_t bytes);
void* memchr(const void* in, int value, size_t bytes);
size_t strlen(const char* s);
size_t strnlen(const char* s, size_t limit);
char* strchr(const char* s, int c);
char* strrchr(const char* s, int c);
#ifdef __cplusplus
}
#endif
