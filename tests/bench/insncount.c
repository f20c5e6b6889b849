// SPDX-License-Identifier: BSD-2-Clause
// A plugin for QEMU's TCG (API version 1, QEMU 6.2 and newer): counts guest instructions exactly
// and says how many had run when a line appeared on the console. Arguments, key=value:
//
//   serial   the file behind "-serial file:FILE". The plugin reads it after each store to the UART
//            (QEMU writes it from the vCPU's thread), so a byte is stamped with the count of the
//            store's own instruction.
//   uart     physical address of the UART's data register (default 0x9000000, PL011 of -M virt)
//   out      file for "MARKER total user kernel" and, at the end, "END total user kernel"
//   marker   the first line with this text in it is stamped
//   profile  file for the instructions of each block that ran between the console line `from`
//            (reset when absent) and the next line that begins with `to`: "address length count"
//
// Counters are additions of translated code to one word: exact with one vCPU or thread=single only.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <qemu-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t n_lo, n_hi; /* executed in the lower (user) and the upper half of addresses */
static uint64_t uart_pa = 0x9000000;
static char serial[512], outp[512], marker[512], profile[512], from[256], to[256];
static int sfd = -1, marked, begun, profiled;
static off_t spos;
static FILE* out;
static char line[4096];
static size_t ll;

/* One block of guest code as QEMU translated it; the same address may have several. */
struct block {
    struct block* next;
    uint64_t va, length, count;
};
static struct block* blocks;

static void clear_profile(void) {
    for (struct block* b = blocks; b; b = b->next) b->count = 0;
}
static void write_profile(void) {
    FILE* f = fopen(profile, "w");
    if (!f) return;
    for (struct block* b = blocks; b; b = b->next)
        if (b->count)
            fprintf(f, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->va, b->length, b->count);
    fclose(f);
}
static void seen_line(void) {
    if (!*profile || profiled) return;
    if (*from && !strcmp(line, from)) {
        begun = 1;
        clear_profile();
    }
    if ((begun || !*from) && *to && !strncmp(line, to, strlen(to))) {
        profiled = 1;
        write_profile();
    }
}
/* Takes what the guest's kernel says, ESC ] ... ESC \, out of the line that it ends in. */
static void drop_frame(void) {
    char* frame = strstr(line, "\033]");
    if (ll < 2 || line[ll - 2] != '\033' || !frame) return;
    ll = (size_t)(frame - line);
    line[ll] = 0;
}
/* Takes in what the console got since the last time. */
static void eat(void) {
    char b[4096];
    ssize_t r;
    if (sfd < 0 && (sfd = open(serial, O_RDONLY)) < 0) return;
    while ((r = pread(sfd, b, sizeof b, spos)) > 0) {
        spos += r;
        for (ssize_t i = 0; i < r; i++) {
            if (b[i] == '\n' || ll == sizeof line - 1) {
                seen_line();
                ll = 0;
            } else if (b[i] != '\r')
                line[ll++] = b[i];
            line[ll] = 0;
            if (ll && b[i] == '\\') drop_frame();
            if (*marker && !marked && strstr(line, marker)) {
                marked = 1;
                if (out) {
                    fprintf(out, "MARKER %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", n_lo + n_hi, n_lo,
                            n_hi);
                    fflush(out);
                }
            }
        }
    }
}
static void store_cb(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t va, void* unused) {
    (void)cpu;
    (void)unused;
    if ((va ^ uart_pa) & 0xfff) return;
    struct qemu_plugin_hwaddr* h = qemu_plugin_get_hwaddr(info, va);
    if (!h || !qemu_plugin_hwaddr_is_io(h)) return;
    /* QEMU 7.2 reports the offset inside the region for some devices, the full address for others.
     */
    uint64_t pa = qemu_plugin_hwaddr_phys_addr(h);
    if (pa == uart_pa || pa == (uart_pa & 0xfff)) eat();
}
static void block_cb(qemu_plugin_id_t id, struct qemu_plugin_tb* tb) {
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block* block = NULL;
    uint64_t* half = (qemu_plugin_tb_vaddr(tb) >> 63) ? &n_hi : &n_lo;
    if (*profile && (block = calloc(1, sizeof *block))) {
        block->va = qemu_plugin_tb_vaddr(tb);
        block->length = 4 * n;
        block->next = blocks;
        blocks = block;
    }
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn* in = qemu_plugin_tb_get_insn(tb, i);
        /* For each instruction, not each block: an exception leaves a block early. */
        qemu_plugin_register_vcpu_insn_exec_inline(in, QEMU_PLUGIN_INLINE_ADD_U64, half, 1);
        if (block)
            qemu_plugin_register_vcpu_insn_exec_inline(in, QEMU_PLUGIN_INLINE_ADD_U64,
                                                       &block->count, 1);
        uint32_t op;
        memcpy(&op, qemu_plugin_insn_data(in), 4);
        /* A store of one register, whatever its addressing: bits 29:27 = 111, V = 0, opc = 00. */
        if (*serial && (op & 0x3e000000) == 0x38000000 && !((op >> 22) & 3))
            qemu_plugin_register_vcpu_mem_cb(in, store_cb, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_W, NULL);
    }
}
static void end_cb(qemu_plugin_id_t id, void* unused) {
    (void)id;
    (void)unused;
    if (*serial) eat();
    if (out) {
        fprintf(out, "END %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", n_lo + n_hi, n_lo, n_hi);
        fflush(out);
    }
}
static const struct {
    const char* name;
    char* value;
    size_t size;
} options[] = {
    {"serial", serial, sizeof serial}, {"out", outp, sizeof outp},
    {"marker", marker, sizeof marker}, {"profile", profile, sizeof profile},
    {"from", from, sizeof from},       {"to", to, sizeof to},
};
static int set_option(char* word) {
    char* v = strchr(word, '=');
    if (!v) return -1;
    *v++ = 0;
    if (!strcmp(word, "uart")) {
        uart_pa = strtoull(v, 0, 0);
        return 0;
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strcmp(word, options[i].name))
            return snprintf(options[i].value, options[i].size, "%s", v) < (int)options[i].size ? 0
                                                                                               : -1;
    return -1;
}
QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t* info, int argc,
                                           char** argv) {
    (void)info;
    for (int i = 0; i < argc; i++)
        if (set_option(argv[i])) {
            fprintf(stderr, "insncount: bad option %s\n", argv[i]);
            return -1;
        }
    if (*outp && !(out = fopen(outp, "w"))) {
        perror(outp);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_cb);
    qemu_plugin_register_atexit_cb(id, end_cb, NULL);
    return 0;
}
