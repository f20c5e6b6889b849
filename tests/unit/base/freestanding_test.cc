// SPDX-License-Identifier: BSD-2-Clause
// The kernel's memory functions, compiled for the build machine under other names and compared with
// the C library's.
#include <catch2/catch.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
void* drupe_memcpy(void*, const void*, std::size_t);
void* drupe_memmove(void*, const void*, std::size_t);
void* drupe_memset(void*, int, std::size_t);
int drupe_memcmp(const void*, const void*, std::size_t);
void* drupe_memchr(const void*, int, std::size_t);
std::size_t drupe_strlen(const char*);
std::size_t drupe_strnlen(const char*, std::size_t);
char* drupe_strchr(const char*, int);
char* drupe_strrchr(const char*, int);
int drupe_strcmp(const char*, const char*);
int drupe_strncmp(const char*, const char*, std::size_t);
}

namespace {

using Bytes = std::vector<unsigned char>;
Bytes numbered(std::size_t n) {
    Bytes bytes(n);
    for (std::size_t i = 0; i < n; i++) bytes[i] = static_cast<unsigned char>(i * 7 + i / 251);
    return bytes;
}
int sign(int v) { return (v > 0) - (v < 0); }

} // namespace

TEST_CASE("copies of every length and alignment touch exactly their bytes") {
    bool all_right = true;
    for (std::size_t n = 0; n <= 140; n++)
        for (std::size_t from = 0; from < 9; from++)
            for (std::size_t to = 0; to < 9; to++) {
                const Bytes source = numbered(160);
                Bytes got(160, 0xee), wanted(160, 0xee);
                const bool same = drupe_memcpy(&got[to], &source[from], n) == &got[to];
                std::memcpy(&wanted[to], &source[from], n);
                all_right = all_right && same && got == wanted;
            }
    CHECK(all_right);
}

TEST_CASE("moves within one buffer go either way") {
    bool all_right = true;
    for (std::size_t n = 0; n <= 140; n++)
        for (std::size_t from = 0; from < 70; from += 1 + (n > 40))
            for (std::size_t to = 0; to < 70; to++) {
                Bytes got = numbered(220), wanted = got;
                const bool same = drupe_memmove(&got[to], &got[from], n) == &got[to];
                std::memmove(&wanted[to], &wanted[from], n);
                all_right = all_right && same && got == wanted;
            }
    CHECK(all_right);
}

TEST_CASE("filling touches exactly its bytes") {
    bool all_right = true;
    for (std::size_t n = 0; n <= 140; n++)
        for (std::size_t to = 0; to < 9; to++) {
            Bytes got(160, 0xee), wanted(160, 0xee);
            all_right = all_right && drupe_memset(&got[to], 0x1a5, n) == &got[to];
            std::memset(&wanted[to], 0x1a5, n);
            all_right = all_right && got == wanted;
        }
    CHECK(all_right);
}

TEST_CASE("comparing finds the first difference, bytes unsigned") {
    bool all_right = true;
    for (std::size_t n = 0; n <= 40; n++)
        for (std::size_t at = 0; at <= n; at++)
            for (int delta : {-1, 1, 128}) {
                Bytes a = numbered(48), b = a;
                b[at] = static_cast<unsigned char>(b[at] + delta);
                if (at + 1 < n) b[at + 1] = static_cast<unsigned char>(~b[at + 1]);
                const int got = drupe_memcmp(a.data(), b.data(), n);
                const int wanted = std::memcmp(a.data(), b.data(), n);
                all_right = all_right && sign(got) == sign(wanted);
            }
    CHECK(all_right);
}

TEST_CASE("a byte is found where it is first, and only inside") {
    bool all_right = true;
    for (std::size_t n = 0; n <= 40; n++)
        for (std::size_t at = 0; at <= 40; at++)
            for (unsigned char wanted : {0, 1, 0x80, 0xff}) {
                // Neighbours that a borrow in the search could mistake for it.
                Bytes bytes(48, static_cast<unsigned char>(wanted + 1));
                bytes[at] = wanted;
                bytes[at + 3] = wanted;
                all_right = all_right && drupe_memchr(bytes.data(), wanted, n) ==
                                             std::memchr(bytes.data(), wanted, n);
            }
    CHECK(all_right);
}

TEST_CASE("strings") {
    bool all_right = true;
    for (std::size_t begin = 0; begin < 9; begin++)
        for (std::size_t n = 0; n <= 40; n++) {
            std::string buffer(64, '\x01');
            buffer[begin + n] = '\0';
            const char* s = buffer.data() + begin;
            all_right = all_right && drupe_strlen(s) == n;
            for (std::size_t limit = 0; limit <= 48; limit++)
                all_right = all_right && drupe_strnlen(s, limit) == std::min(n, limit);
        }
    CHECK(all_right);
    const char* s = "abcabc";
    CHECK(drupe_strchr(s, 'b') == s + 1);
    CHECK(drupe_strchr(s, 0) == s + 6);
    CHECK(drupe_strchr(s, 'x') == nullptr);
    CHECK(drupe_strrchr(s, 'b') == s + 4);
    CHECK(drupe_strrchr(s, 0) == s + 6);
    CHECK(drupe_strrchr(s, 'x') == nullptr);
    CHECK(drupe_strcmp("a", "a") == 0);
    CHECK(drupe_strcmp("a", "ab") < 0);
    CHECK(drupe_strcmp("\xff", "a") > 0);
    CHECK(drupe_strncmp("abx", "aby", 2) == 0);
    CHECK(drupe_strncmp("abx", "aby", 3) < 0);
    CHECK(drupe_strncmp("a", "b", 0) == 0);
}
