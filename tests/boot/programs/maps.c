// SPDX-License-Identifier: BSD-2-Clause
// /proc/self/maps against what the program knows otherwise: its loader's list of segments, stat(2)
// of the files, and addresses of things of its own.
#define _GNU_SOURCE
#include "check.h"

#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct line {
    uint64_t begin, end, offset;
    unsigned long inode;
    unsigned major, minor;
    char permissions[5];
    char name[512];
    int name_column;
};

static struct line lines[256];
static int count;

static void read_maps(void) {
    FILE* file = fopen("/proc/self/maps", "r");
    char text[1024];
    for (count = 0; count < 256 && file && fgets(text, sizeof text, file); count++) {
        struct line* at = &lines[count];
        int behind = 0;
        *at = (struct line){0};
        CHECK(sscanf(text, "%lx-%lx %4s %lx %x:%x %lu %n", &at->begin, &at->end, at->permissions,
                     &at->offset, &at->major, &at->minor, &at->inode, &behind) == 7);
        sscanf(text + behind, "%511[^\n]", at->name);
        at->name_column = at->name[0] ? behind : 0;
        CHECK(at->name[0] == 0 || behind == 73);
        CHECK(count == 0 || lines[count - 1].end <= at->begin);
    }
    CHECK(file && count > 4 && count < 256);
    if (file) fclose(file);
}

static const struct line* around(const void* address) {
    const uint64_t at = (uint64_t)address;
    for (int n = 0; n < count; n++)
        if (lines[n].begin <= at && at < lines[n].end) return &lines[n];
    return NULL;
}

static int is_file(const struct line* line, const char* path) {
    struct stat facts;
    return stat(path, &facts) == 0 && line->inode == facts.st_ino &&
           makedev(line->major, line->minor) == facts.st_dev && strcmp(line->name, path) == 0;
}

/// One object of the loader's: each segment's first page is shown as its header says.
static int compare_segments(struct dl_phdr_info* object, size_t size, void* objects) {
    (void)size;
    char path[4096];
    const char* name = object->dlpi_name[0] ? object->dlpi_name : "/proc/self/exe";
    if (!realpath(name, path)) return 0; // the vDSO
    ++*(int*)objects;
    uint64_t sealed = 0; // what the loader made read-only after relocating
    for (int n = 0; n < object->dlpi_phnum; n++)
        if (object->dlpi_phdr[n].p_type == PT_GNU_RELRO)
            sealed = object->dlpi_phdr[n].p_vaddr & -4096ul;
    for (int n = 0; n < object->dlpi_phnum; n++) {
        const ElfW(Phdr)* segment = &object->dlpi_phdr[n];
        if (segment->p_type != PT_LOAD) continue;
        const uint64_t first = segment->p_vaddr & -4096ul;
        const struct line* line = around((const void*)(object->dlpi_addr + first));
        CHECK(line != NULL);
        if (!line) continue;
        printf("%s %s\n", line->permissions, strrchr(path, '/') + 1);
        CHECK(is_file(line, path));
        CHECK(line->offset + (object->dlpi_addr + first - line->begin) ==
              (segment->p_offset & -4096ul));
        CHECK((line->permissions[0] == 'r') == ((segment->p_flags & PF_R) != 0));
        CHECK((line->permissions[1] == 'w') == ((segment->p_flags & PF_W) != 0 && first != sealed));
        CHECK((line->permissions[2] == 'x') == ((segment->p_flags & PF_X) != 0));
        CHECK(line->permissions[3] == 'p');
    }
    return 0;
}

static void check_own_places(void) {
    const char* on_heap = sbrk(0);
    const struct line* line = around(on_heap - 1);
    CHECK(line && strcmp(line->name, "[heap]") == 0 && strcmp(line->permissions, "rw-p") == 0);
    line = around(&on_heap);
    CHECK(line && strcmp(line->name, "[stack]") == 0 && strcmp(line->permissions, "rw-p") == 0);
    line = around((const void*)getauxval(AT_SYSINFO_EHDR));
    CHECK(line && strcmp(line->name, "[vdso]") == 0 && strcmp(line->permissions, "r-xp") == 0);
}

static void check_files(void) {
    const char* path = "/tmp/mapped file";
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, 65536) == 0);
    void* shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 16384);
    void* copied = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 4096);
    void* memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    close(fd);
    read_maps();
    const struct line* line = around(shared);
    CHECK(line && is_file(line, path) && line->offset == 16384 &&
          strcmp(line->permissions, "rw-s") == 0);
    line = around(copied);
    CHECK(line && is_file(line, path) && line->offset == 4096 &&
          strcmp(line->permissions, "rw-p") == 0);
    line = around(memory);
    CHECK(line && strcmp(line->name, "/dev/zero (deleted)") == 0 &&
          strcmp(line->permissions, "rw-s") == 0);
    // The name goes, the mapping stays.
    CHECK(rename(path, "/tmp/renamed") == 0);
    read_maps();
    line = around(shared);
    CHECK(line && is_file(line, "/tmp/renamed"));
    CHECK(unlink("/tmp/renamed") == 0);
    read_maps();
    line = around(shared);
    CHECK(line && strcmp(line->name, "/tmp/renamed (deleted)") == 0 && line->inode != 0);
}

int main(void) {
    free(malloc(1)); // the heap is there
    read_maps();
    int objects = 0;
    dl_iterate_phdr(compare_segments, &objects);
    CHECK(objects >= 3); // the program, its libraries, the loader
    check_own_places();
    check_files();
    return verdict("mappings are shown as they are");
}
