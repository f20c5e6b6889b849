// SPDX-License-Identifier: BSD-2-Clause
#include <drupe/exec/vdso.h>

namespace drupe::exec {
namespace {
// Never destroyed: programs map it until the machine stops.
constinit Vdso* installed = nullptr;
alignas(Vdso) constinit unsigned char storage[sizeof(Vdso)] = {};
} // namespace

void install_vdso(Vdso vdso) {
    DRUPE_ASSERT(!installed);
    installed = new (storage) Vdso(std::move(vdso));
}

const Vdso* installed_vdso() { return installed; }

} // namespace drupe::exec
