// SPDX-License-Identifier: BSD-2-Clause
// From the entry stub to a running system: which platform, which console, what to run.
#include <drupe/arch/boot.h>
#include <drupe/arch/cpu.h>
#include <drupe/arch/cpu_features.h>
#include <drupe/base/format.h>
#include <drupe/platform/platform.h>

#include <new>

namespace drupe {
namespace {

const platform::Platform* machine;
drivers::Console* console;

class ConsoleSink final : public FormatSink {
public:
    void put(std::string_view text) override {
        if (console) console->write(text);
    }
};

Result<volatile void*> early_map(PhysAddr base, std::uint64_t) {
    return arch::map_boot_device(base);
}

Result<void> find_machine(const arch::BootInfo& boot) {
    const platform::BootInfo info{arch::boot_device_tree(boot)};
    machine = &platform::virt;
    if (!machine->matches(info)) return Errc::not_supported;
    TRY(machine->describe(info));
    console = TRY(machine->early_console(early_map));
    return {};
}

} // namespace
} // namespace drupe

extern "C" void kernel_main(const drupe::arch::BootInfo* boot) {
    using namespace drupe;
    arch::detect_cpu_features();
    if (!find_machine(*boot)) arch::cpu_halt(); // no console: nothing can be said
    ConsoleSink sink;
    format_to(sink, "drupe: image at {}, device tree at {}, entered at EL{}\n", boot->image,
              boot->device_tree, boot->exception_level);
    machine->power_off(platform::ExitReason::finished);
    arch::cpu_halt();
}
