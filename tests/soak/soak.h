// SPDX-License-Identifier: BSD-2-Clause
// The parts of the soak. Everything here counts, and each part knows what its counts must come to.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// An invariant. The first that breaks ends the process of this round.
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                                       \
            fflush(stdout);                                                                                            \
            _Exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/// Seconds of a round are over.
int is_over(void);
/// A generator for each thread.
unsigned next_random(unsigned* state);

/// One round in a process of its own; ends it with status 0.
void play_round(unsigned seed, int seconds);

/// Bodies of threads; each runs until is_over(). The argument is a seed.
void* map_and_unmap(void* seed);
void* threads_come_and_go(void* seed);
void* queued_signals(void* seed);
void* handlers_interrupt(void* seed);
void* timers_come_and_go(void* seed);
void* locks_hold(void* seed);
void* bytes_pass(void* seed);
void* children_come_and_go(void* seed);
