// SPDX-License-Identifier: BSD-2-Clause
// Any bytes as a packed list: the walk ends, and every value lies inside the bytes.
#include "../target.h"

#include <drupe/zfs/nvlist.h>

using namespace drupe;
using namespace drupe::zfs;

namespace {

struct Walk {
    Bytes all;
    std::size_t pairs = 0;

    void inside(Bytes b) {
        FUZZ_CHECK(b.empty() ||
                   (b.data() >= all.data() && b.data() + b.size() <= all.data() + all.size()));
    }

    void go(const NvList& list, int depth) {
        NvList::Cursor cursor{list};
        NvPair pair;
        for (;;) {
            Result<bool> more = cursor.next(pair);
            if (!more.ok() || !more.value()) return;
            // A pair takes at least 16 bytes; nested lists are walked again at each level.
            FUZZ_CHECK(++pairs <= all.size() * 2 + 16);
            inside(bytes_of(pair.name));
            inside(pair.value);
            if (auto v = pair.as_string(); v.ok()) inside(bytes_of(v.value()));
            if (auto v = pair.as_byte_array(); v.ok()) inside(v.value());
            (void)pair.as_u64();
            if (depth == 4) continue;
            if (auto v = pair.as_nvlist(); v.ok()) go(v.value(), depth + 1);
            if (auto v = pair.as_nvlist(0); v.ok()) go(v.value(), depth + 1);
        }
    }
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
    Bytes all{reinterpret_cast<const std::byte*>(data), bytes};
    auto list = NvList::open(all);
    if (!list.ok()) return 0;
    Walk{all}.go(list.value(), 0);
    (void)list.value().find("no such name");
    return 0;
}

std::vector<std::vector<std::uint8_t>> fuzz_corpus() {
    std::vector<std::vector<std::uint8_t>> corpus;
    for (NvEncoding encoding : {NvEncoding::xdr, NvEncoding::native}) {
        Buffer out;
        NvWriter nv{out, encoding};
        std::byte raw[5] = {};
        bool good = nv.begin().ok() && nv.string("name", "pool").ok() && nv.u64("txg", 7).ok() &&
                    nv.begin_list("vdev_tree").ok() && nv.string("type", "disk").ok() &&
                    nv.begin_list("children", NvType::nvlist_array).ok() &&
                    nv.u64("ashift", 12).ok() && nv.end_list().ok() && nv.end_list().ok() &&
                    nv.byte_array("user.x", raw).ok() && nv.boolean("flag").ok() && nv.end().ok();
        FUZZ_CHECK(good);
        auto* p = reinterpret_cast<const std::uint8_t*>(out.data());
        corpus.emplace_back(p, p + out.size());
    }
    return corpus;
}
