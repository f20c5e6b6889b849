// SPDX-License-Identifier: BSD-2-Clause
// Libraries at run time: scopes, order of constructors, versions of a function chosen at load
// (IFUNC), copied variables, dl_iterate_phdr, dladdr, what Linux tells a linker (auxv), segments
// that want 64 KiB. Linked with libfirst.so; opens libsecond.so, which needs libthird.so.
#define _GNU_SOURCE
#include "trace.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

extern int first_value; // lies in the program: a COPY relocation
int* first_place(void); // where the library thinks it is
int first_chosen(int);  // an IFUNC where the C library knows it
const char* who(void) { return "program"; }
const char* first_asks(void);

/// Counts objects whose segments do not lie where their file says, and segments that want 64 KiB.
static int count_object(struct dl_phdr_info* info, size_t size, void* data) {
    (void)size;
    int* counts = data;
    for (int n = 0; n < info->dlpi_phnum; n++) {
        if (info->dlpi_phdr[n].p_type != PT_LOAD) continue;
        const uintptr_t at = info->dlpi_addr + info->dlpi_phdr[n].p_vaddr;
        counts[0] += (at - info->dlpi_phdr[n].p_offset) % 4096 != 0;
        counts[1] += info->dlpi_phdr[n].p_align == 65536;
    }
    return 0;
}

static void objects(const char* when) {
    int counts[2] = {0};
    dl_iterate_phdr(count_object, counts);
    printf("%s: misplaced %d, some with 64 KiB: %d\n", when, counts[0], counts[1] > 0);
}

static void linked(void) {
    printf("%d %s\n", first_value, &first_value == first_place() ? "one place" : "two places");
    first_value = 99;
    printf("%d\n", *first_place());
    printf("%d\n", first_chosen(20));
    puts(first_asks()); // the program's wins
    Dl_info info;
    TRUTH(dladdr((void*)first_asks, &info) != 0 && strcmp(info.dli_sname, "first_asks") == 0);
    TRUTH(dladdr((void*)who, &info) != 0 && strcmp(info.dli_sname, "who") == 0);
    TRUTH(dladdr((void*)8, &info) == 0);
}

static void opened(void) {
    objects("before");
    TRUTH(dlopen("libnone.so", RTLD_NOW) == NULL && dlerror() != NULL && dlerror() == NULL);
    TRUTH(dlsym(RTLD_DEFAULT, "third_value") == NULL);
    void* second = dlopen("libsecond.so", RTLD_LAZY | RTLD_LOCAL);
    TRUTH(second != NULL);
    if (!second) {
        puts(dlerror());
        exit(1);
    }
    objects("after");
    TRUTH(dlopen("libsecond.so", RTLD_NOW) == second);
    TRUTH(dlopen("libsecond.so", RTLD_NOW | RTLD_NOLOAD) == second);
    int (*call)(int) = (int (*)(int))dlsym(second, "second_call");
    printf("%d %d\n", call(1), call(2));
    TRUTH(dlsym(RTLD_DEFAULT, "second_call") == NULL);
    TRUTH(dlsym(second, "third_value") != NULL);
    TRUTH(dlsym(second, "missing") == NULL && dlerror() != NULL);
    TRUTH(dlopen("libsecond.so", RTLD_NOW | RTLD_GLOBAL) == second);
    TRUTH(dlsym(RTLD_DEFAULT, "second_call") == (void*)call);
    void* self = dlopen(NULL, RTLD_NOW);
    TRUTH(dlsym(self, "who") == (void*)who);
    // A pointer in data, set by a relative relocation, and one to a function of another library.
    const char* const* table = dlsym(second, "second_table");
    printf("%s %s\n", table[0], table[1]);
    for (int n = 0; n < 4; n++) dlclose(second);
}

static void told(void) {
    TRUTH(getauxval(AT_PAGESZ) == 4096);
    TRUTH(getauxval(AT_PHNUM) > 4 && getauxval(AT_PHENT) == sizeof(ElfW(Phdr)));
    TRUTH(getauxval(AT_PHDR) != 0 && getauxval(AT_ENTRY) != 0 && getauxval(AT_BASE) != 0);
    TRUTH(getauxval(AT_RANDOM) != 0 && getauxval(AT_SYSINFO_EHDR) % 4096 == 0);
    TRUTH(getauxval(AT_EXECFN) != 0 &&
          strcmp((char*)getauxval(AT_EXECFN), "/conformance/dlopen") == 0);
    TRUTH(strcmp((char*)getauxval(AT_PLATFORM), "aarch64") == 0);
    TRUTH(getauxval(AT_UID) == getuid() && getauxval(AT_SECURE) == 0);
    TRUTH((getauxval(AT_HWCAP) & 3) == 3); // FP, ASIMD
    TRUTH(getauxval(AT_CLKTCK) == 100);
}

int main(void) {
    linked();
    opened();
    told();
    return 0;
}
