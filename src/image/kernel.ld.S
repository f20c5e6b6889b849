/* SPDX-License-Identifier: BSD-2-Clause
 * The kernel image: linked at its virtual address, loaded anywhere. Sections lie on page boundaries so
 * that each gets its own permissions. Zeroed data comes last: mkimage may leave it out of the file.
 */
#include <drupe/arch/aarch64/memory_layout.h>

ENTRY(drupe_image_start)
PHDRS {
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
}
SECTIONS {
    . = KERNEL_IMAGE_BASE + KERNEL_TEXT_OFFSET;
    .text : {
        KEEP(*(.head))
        *(.text.vectors)
        *(.text.hot .text.hot.*)
        *(.text .text.*)
        . = ALIGN(4096);
        drupe_text_end = .;
    } :text
    .rodata : {
        *(.rodata .rodata.[!f]* .rodata.f[!i]*)
        . = ALIGN(8);
        drupe_fixups_begin = .;
        KEEP(*(.rodata.fixups))
        drupe_fixups_end = .;
        . = ALIGN(8);
        __start_drupe_drivers = .;
        KEEP(*(drupe_drivers))
        __stop_drupe_drivers = .;
        /* Empty but in the image of the self-tests. */
        . = ALIGN(8);
        drupe_autorun_begin = .;
        KEEP(*(drupe_autorun))
        drupe_autorun_end = .;
        drupe_ktests_begin = .;
        KEEP(*(drupe_ktests))
        drupe_ktests_end = .;
        . = ALIGN(8);
        __start_drupe_counters = .;
        KEEP(*(drupe_counters))
        __stop_drupe_counters = .;
        *(.note.*)
        *(.eh_frame .eh_frame.*)
        *(.data.rel.ro .data.rel.ro.*)
        *(.got .got.plt .igot .igot.plt)
        . = ALIGN(4096);
        drupe_rodata_end = .;
    } :rodata
    .data : {
        drupe_sealed_begin = .;
        *(.ro_after_init)
        . = ALIGN(4096);
        drupe_sealed_end = .;
        *(.data .data.*)
        . = ALIGN(4096); /* as what is zeroed is aligned: it begins where the file ends */
    } :data
    .bss : {
        drupe_zeros_begin = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
        drupe_image_end = .;
    } :data
    drupe_image_size = drupe_image_end - drupe_image_start;
    ASSERT(drupe_zeros_begin == ADDR(.data) + SIZEOF(.data), "zeroed data begins behind the file's end")
    boot_stack_end = boot_stack + BOOT_STACK_BYTES;
    ASSERT(drupe_image_size + KERNEL_TEXT_OFFSET <= 0x200000, "the image does not fit its 2 MiB")
    .init_array : { *(.init_array .init_array.*) } :data
    ASSERT(SIZEOF(.init_array) == 0, "a static constructor runs code: make it constinit")
    /DISCARD/ : { *(.comment) *(.gnu.*) *(.interp) *(.dynamic) *(.hash) *(.iplt) *(.rela.*) *(.rela) }
    .debug_info 0 : { *(.debug_info) }
    .debug_abbrev 0 : { *(.debug_abbrev) }
    .debug_line 0 : { *(.debug_line) }
    .debug_line_str 0 : { *(.debug_line_str) }
    .debug_str 0 : { *(.debug_str) }
    .debug_aranges 0 : { *(.debug_aranges) }
    .debug_rnglists 0 : { *(.debug_rnglists) }
    .debug_loclists 0 : { *(.debug_loclists) }
    .debug_frame 0 : { *(.debug_frame) }
    .symtab 0 : { *(.symtab) }
    .strtab 0 : { *(.strtab) }
    .shstrtab 0 : { *(.shstrtab) }
}
