// SPDX-License-Identifier: BSD-2-Clause
// Memory that each CPU keeps for itself, and others take back.
#include "file_room.h"

#include <weak/kernel.h>
#include <weak/runner.h>

#include <drupe/mm/frames.h>
#include <drupe/mm/heap.h>

using namespace drupe;

namespace {

weak::Scenario stocks{"a CPU's stock of memory is whole when others look into it",
                      [](std::uint64_t seed) {
                          weak::kernel::play(seed, 2, [] {
                              weak::FileRoom::instance();
                              weak::kernel::Gate gate{2};
                              weak::kernel::Threads threads;
                              threads.start(1, [&] { // the first memory that it asks for
                                  gate.pass();
                                  mm::heap_free(mm::heap_alloc(64));
                              });
                              threads.start(0, [&] {
                                  gate.pass();
                                  for (int n = 0; n < 3; ++n) {
                                      mm::heap_trim();
                                      (void)mm::memory_stats();
                                  }
                              });
                          });
                      },
                      weak::Scenario::Process::one_seed};

} // namespace
