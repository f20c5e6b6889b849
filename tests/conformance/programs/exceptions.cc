// SPDX-License-Identifier: BSD-2-Clause
// C++ exceptions that come from handlers: of a fault, of a stack overflow, of a signal sent while a
// system call waits; thrown in the handler, caught in what it interrupted, destructors run between.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

extern "C" void undefined_instruction();
asm(".globl undefined_instruction\n.type undefined_instruction, %function\n"
    "undefined_instruction: .cfi_startproc\nudf #3\nret\n.cfi_endproc\n");

namespace {

struct Fault : std::runtime_error {
    Fault(int signo, const void* address)
        : std::runtime_error("signal " + std::to_string(signo)), address_(address) {}
    const void* address_;
};

struct Guard {
    explicit Guard(const char* name) : name_(name) {}
    ~Guard() { printf("leaving %s\n", name_); }
    const char* name_;
};

void raise_as_exception(int signo, siginfo_t* info, void*) {
    sigset_t set; // the handler is left without sigreturn
    sigemptyset(&set);
    sigaddset(&set, signo);
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    throw Fault(signo, info->si_addr);
}

[[gnu::noinline]] int read_through(volatile int* place) {
    Guard guard("read_through");
    return *place;
}

[[gnu::noinline]] int deeper(int n, volatile int* place) {
    Guard guard("deeper");
    return n == 0 ? read_through(place) : deeper(n - 1, place) + 1;
}

void* in_thread(void* place) {
    try {
        deeper(1, static_cast<volatile int*>(place));
    } catch (const Fault& fault) {
        printf("thread caught: %s, address %s\n", fault.what(),
               fault.address_ == place ? "right" : "wrong");
    }
    return nullptr;
}

int overflow(int n);
int (*volatile deeper_still)(int) = overflow; // for all that the compiler knows, it throws

int overflow(int n) {
    volatile char room[4096];
    room[0] = static_cast<char>(n);
    return deeper_still(n + 1) + room[0];
}

void overflows() {
    static char other[1 << 18];
    stack_t stack = {};
    stack.ss_sp = other;
    stack.ss_size = sizeof other;
    sigaltstack(&stack, nullptr);
    try {
        overflow(0);
    } catch (const Fault& fault) { printf("overflow caught: %s\n", fault.what()); }
}

void interrupts() {
    int ends[2];
    if (pipe(ends) != 0) abort();
    try {
        Guard guard("a waiting read");
        alarm(1);
        char byte;
        printf("read gives %zd\n", read(ends[0], &byte, 1));
    } catch (const Fault& fault) { printf("caught: %s\n", fault.what()); }
}

} // namespace

int main() {
    setvbuf(stdout, nullptr, _IOLBF, 0);
    struct sigaction action = {};
    action.sa_sigaction = raise_as_exception;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int signo : {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGALRM})
        sigaction(signo, &action, nullptr);
    void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 3; round++) {
        try {
            deeper(round, static_cast<volatile int*>(page));
        } catch (const Fault& fault) {
            printf("caught: %s, address %s\n", fault.what(),
                   fault.address_ == page ? "right" : "wrong");
        }
    }
    try {
        Guard guard("an undefined instruction");
        undefined_instruction();
    } catch (const Fault& fault) { printf("caught: %s\n", fault.what()); }
    pthread_t thread;
    pthread_create(&thread, nullptr, in_thread, page);
    pthread_join(thread, nullptr);
    overflows();
    interrupts();
}
