// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/zfs/checksum.h>

#include <bit>

namespace drupe::zfs {

CksumValue fletcher_2(Bytes data) {
    std::uint64_t a0 = 0, a1 = 0, b0 = 0, b1 = 0;
    for (std::size_t i = 0; i + 16 <= data.size(); i += 16) {
        a0 += load_le<std::uint64_t>(&data[i]);
        a1 += load_le<std::uint64_t>(&data[i + 8]);
        b0 += a0;
        b1 += a1;
    }
    return {{a0, a1, b0, b1}};
}

CksumValue fletcher_4(Bytes data) {
    std::uint64_t a = 0, b = 0, c = 0, d = 0;
    const std::byte* p = data.data();
    const std::byte* end = p + (data.size() & ~std::size_t{3});
    for (; p != end; p += 4) {
        a += load_le<std::uint32_t>(p);
        b += a;
        c += b;
        d += c;
    }
    return {{a, b, c, d}};
}

namespace {

// FIPS 180-4, section 4.2.2 and 4.2.3: the first 64 words of SHA-512's constants; SHA-256's are the
// upper halves of the first 64.
constexpr std::uint64_t round_constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

// One algorithm, two word sizes (FIPS 180-4, sections 6.2 and 6.4).
struct Sha256Traits {
    using Word = std::uint32_t;
    static constexpr int rounds = 64;
    static constexpr int sum0[3] = {2, 13, 22}, sum1[3] = {6, 11, 25};
    static constexpr int mix0[3] = {7, 18, 3}, mix1[3] = {17, 19, 10};
    static Word load(const std::byte* p) { return load_be32(p); }
    static Word constant(int i) { return static_cast<Word>(round_constants[i] >> 32); }
};
struct Sha512Traits {
    using Word = std::uint64_t;
    static constexpr int rounds = 80;
    static constexpr int sum0[3] = {28, 34, 39}, sum1[3] = {14, 18, 41};
    static constexpr int mix0[3] = {1, 8, 7}, mix1[3] = {19, 61, 6};
    static Word load(const std::byte* p) { return load_be64(p); }
    static Word constant(int i) { return round_constants[i]; }
};

template <class T>
void sha2_block(typename T::Word (&h)[8], const std::byte* p) {
    using Word = typename T::Word;
    Word w[16];
    for (int i = 0; i < 16; ++i) w[i] = T::load(p + i * sizeof(Word));
    Word s[8];
    for (int i = 0; i < 8; ++i) s[i] = h[i];
    for (int i = 0; i < T::rounds; ++i) {
        if (i >= 16) {
            Word x = w[(i - 15) & 15], y = w[(i - 2) & 15];
            Word m0 = std::rotr(x, T::mix0[0]) ^ std::rotr(x, T::mix0[1]) ^ (x >> T::mix0[2]);
            Word m1 = std::rotr(y, T::mix1[0]) ^ std::rotr(y, T::mix1[1]) ^ (y >> T::mix1[2]);
            w[i & 15] += m0 + w[(i - 7) & 15] + m1;
        }
        Word s1 =
            std::rotr(s[4], T::sum1[0]) ^ std::rotr(s[4], T::sum1[1]) ^ std::rotr(s[4], T::sum1[2]);
        Word t1 = s[7] + s1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + T::constant(i) + w[i & 15];
        Word s0 =
            std::rotr(s[0], T::sum0[0]) ^ std::rotr(s[0], T::sum0[1]) ^ std::rotr(s[0], T::sum0[2]);
        Word t2 = s0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        for (int k = 7; k > 0; --k) s[k] = s[k - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i) h[i] += s[i];
}

} // namespace

void Sha256::block(const std::byte* p) { sha2_block<Sha256Traits>(h_, p); }

void Sha256::update(Bytes data) {
    std::size_t used = length_ % 64;
    length_ += data.size();
    if (used != 0) {
        std::size_t take = data.size() < 64 - used ? data.size() : 64 - used;
        std::memcpy(pending_ + used, data.data(), take);
        data = data.subspan(take);
        if (used + take < 64) return;
        block(pending_);
    }
    for (; data.size() >= 64; data = data.subspan(64)) block(data.data());
    if (!data.empty()) std::memcpy(pending_, data.data(), data.size());
}

void Sha256::update_u64(std::uint64_t v) {
    std::byte b[8];
    store_le(b, v);
    update(b);
}

CksumValue Sha256::finish() {
    std::uint64_t bits = length_ * 8;
    std::byte tail[128] = {std::byte{0x80}};
    std::size_t used = length_ % 64;
    std::size_t pad = (used < 56 ? 56 : 120) - used;
    store_be64(tail + pad, bits);
    update({tail, pad + 8});
    CksumValue out;
    for (int i = 0; i < 4; ++i) out.word[i] = std::uint64_t{h_[2 * i]} << 32 | h_[2 * i + 1];
    return out;
}

CksumValue sha256(Bytes data) {
    Sha256 s;
    s.update(data);
    return s.finish();
}

CksumValue sha512_256(Bytes data) {
    // FIPS 180-4, section 5.3.6.2.
    std::uint64_t h[8] = {0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151,
                          0x963877195940eabd, 0x96283ee2a88effe3, 0xbe5e1e2553863992,
                          0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2};
    std::uint64_t bits = data.size() * 8;
    for (; data.size() >= 128; data = data.subspan(128)) sha2_block<Sha512Traits>(h, data.data());
    std::byte tail[256] = {};
    if (!data.empty()) std::memcpy(tail, data.data(), data.size());
    tail[data.size()] = std::byte{0x80};
    std::size_t length = data.size() < 112 ? 128 : 256;
    store_be64(tail + length - 8, bits);
    for (std::size_t i = 0; i < length; i += 128) sha2_block<Sha512Traits>(h, tail + i);
    return {{h[0], h[1], h[2], h[3]}};
}

bool is_supported(Checksum c) {
    return c == Checksum::off || c == Checksum::fletcher_2 || c == Checksum::fletcher_4 ||
           c == Checksum::sha256 || c == Checksum::sha512;
}

const char* name_of(Checksum c) {
    constexpr const char* names[] = {"inherit",  "on",        "off",       "label",  "gang_header",
                                     "zilog",    "fletcher2", "fletcher4", "sha256", "zilog2",
                                     "noparity", "sha512",    "skein",     "edonr"};
    return c < Checksum::count_ ? names[static_cast<unsigned>(c)] : "unknown";
}

Result<CksumValue> checksum_of(Checksum c, Bytes data) {
    switch (c) {
    case Checksum::fletcher_2: return fletcher_2(data);
    case Checksum::fletcher_4: return fletcher_4(data);
    case Checksum::sha256: return sha256(data);
    // The words of SHA-512 are stored as the machine's, those of SHA-256 likewise; both come out
    // of the functions above in that form.
    case Checksum::sha512: {
        CksumValue v = sha512_256(data);
        for (auto& w : v.word) w = __builtin_bswap64(w);
        return v;
    }
    default: return Errc::not_supported;
    }
}

void seal(MutableBytes block, const CksumValue& verifier) {
    EmbeddedCksum eck{zec_magic, verifier};
    std::byte* at = block.data() + block.size() - sizeof eck;
    store(at, eck);
    eck.cksum = sha256(block);
    store(at, eck);
}

bool is_sealed(MutableBytes block, const CksumValue& verifier) {
    std::byte* at = block.data() + block.size() - sizeof(EmbeddedCksum);
    auto stored = load<EmbeddedCksum>(at);
    if (stored.magic != zec_magic) return false;
    EmbeddedCksum eck = stored;
    eck.cksum = verifier;
    store(at, eck);
    bool good = sha256(block) == stored.cksum;
    store(at, stored);
    return good;
}

} // namespace drupe::zfs
