// SPDX-License-Identifier: BSD-2-Clause
// A GICv3 CPU interface played by a test.
#pragma once

#include <cstdint>

namespace drupe::arch {
namespace host {

struct GicCpuInterface {
    virtual std::uint64_t affinity() = 0;
    virtual bool enable_system_registers() = 0;
    virtual void enable_group1() = 0;
    virtual std::uint32_t acknowledge() = 0;
    virtual void end(std::uint32_t intid) = 0;
    virtual void send_sgi(std::uint64_t value) = 0;
    static inline GicCpuInterface* attached = nullptr;

protected:
    ~GicCpuInterface() = default;
};

} // namespace host

inline std::uint64_t gic_affinity() { return host::GicCpuInterface::attached->affinity(); }
inline bool gic_enable_system_registers() {
    return host::GicCpuInterface::attached->enable_system_registers();
}
inline void gic_enable_group1() { host::GicCpuInterface::attached->enable_group1(); }
inline std::uint32_t gic_acknowledge() { return host::GicCpuInterface::attached->acknowledge(); }
inline void gic_end(std::uint32_t intid) { host::GicCpuInterface::attached->end(intid); }
inline void gic_send_sgi(std::uint64_t value) { host::GicCpuInterface::attached->send_sgi(value); }

} // namespace drupe::arch
