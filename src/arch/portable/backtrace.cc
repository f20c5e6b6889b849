// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/arch/backtrace.h>

namespace drupe::arch {

std::size_t unwind(std::uint64_t fp, std::uint64_t low, std::uint64_t high,
                   std::span<std::uint64_t> out) {
    struct Record {
        std::uint64_t previous, return_address;
    };
    std::size_t count = 0;
    while (count < out.size() && fp % 16 == 0 && fp >= low && fp < high &&
           high - fp >= sizeof(Record)) {
        const Record record = *reinterpret_cast<const Record*>(fp);
        if (record.return_address == 0) break;
        out[count++] = record.return_address;
        if (record.previous <= fp) break; // outermost, or a broken chain
        fp = record.previous;
    }
    return count;
}

} // namespace drupe::arch
