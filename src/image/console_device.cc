// SPDX-License-Identifier: BSD-2-Clause
#include "console_device.h"
#include <drupe/trace/log.h>
#include <drupe/vfs/file.h>
namespace drupe::image {
namespace {
class RawConsole final : public vfs::File {
public:
    RawConsole(vfs::Dentry& d, std::uint32_t flags) : File(d, flags) {}
    Result<std::size_t> read(vfs::IoBuffer&) override { return std::size_t{0}; }
    Result<std::size_t> write(vfs::IoBuffer& buffer) override {
        char text[256];
        std::size_t total = 0;
        while (buffer.size() > 0) {
            const std::size_t n = buffer.size() < sizeof text ? buffer.size() : sizeof text;
            TRY(buffer.take(text, n));
            trace::write_console({text, n});
            total += n;
        }
        return total;
    }
};
} // namespace
Result<void> add_devices(vfs::TaskContext&) { return {}; }
Result<RefPtr<vfs::FdTable>> open_console(vfs::TaskContext&, const init::StartConfig&) {
    auto table = TRY(vfs::FdTable::create());
    RefPtr<vfs::Dentry> d = TRY(vfs::create_anonymous("console", 0020600, false));
    for (int i = 0; i < 3; i++) {
        auto* f = new (std::nothrow) RawConsole(*d, 2);
        if (!f) return Errc::no_memory;
        TRY(table->install(RefPtr<vfs::File>::adopt(f), false, 1024));
    }
    return table;
}
} // namespace drupe::image
