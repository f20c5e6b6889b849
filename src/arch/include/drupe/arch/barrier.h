// SPDX-License-Identifier: BSD-2-Clause
// Barriers between memory accesses of this CPU as seen by other CPUs (plain) or by devices (dma).
// Who uses one names the two accesses it orders and the observer.
#pragma once

#include <drupe/arch/impl/barrier.h>

// Provided: barrier_full barrier_load barrier_store
//   barrier_dma_load barrier_dma_release barrier_dma_store_load barrier_dma_full   towards devices
//   barrier_complete      every earlier access is done, devices included
//   barrier_instruction   system-register writes before it have taken effect
