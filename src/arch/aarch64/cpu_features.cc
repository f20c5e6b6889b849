// SPDX-License-Identifier: BSD-2-Clause
// Reads the ID registers.
#include <drupe/arch/cpu_features.h>
#include <drupe/base/sections.h>

namespace drupe::arch {

DRUPE_RO_AFTER_INIT static constinit CpuFeatures features;

void detect_cpu_features() {
    IdRegisters id{};
    asm("mrs %0, id_aa64isar0_el1" : "=r"(id.isar0));
    asm("mrs %0, id_aa64isar1_el1" : "=r"(id.isar1));
    asm("mrs %0, id_aa64pfr0_el1" : "=r"(id.pfr0));
    asm("mrs %0, id_aa64pfr1_el1" : "=r"(id.pfr1));
    asm("mrs %0, id_aa64mmfr0_el1" : "=r"(id.mmfr0));
    asm("mrs %0, id_aa64mmfr1_el1" : "=r"(id.mmfr1));
    asm("mrs %0, id_aa64mmfr2_el1" : "=r"(id.mmfr2));
    asm("mrs %0, S3_0_C0_C4_4" : "=r"(id.zfr0)); // ID_AA64ZFR0_EL1
    features = features_from(id);
}

const CpuFeatures& cpu_features() { return features; }

} // namespace drupe::arch
