// SPDX-License-Identifier: BSD-2-Clause
#include "elf_image.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace drupe::mkimage {
namespace {

class Reader {
public:
    Reader(const std::string& path, std::vector<char> bytes)
        : path_(path), bytes_(std::move(bytes)) {}
    template <class T>
    T at(std::uint64_t offset) const {
        T value;
        std::memcpy(&value, range(offset, sizeof value), sizeof value);
        return value;
    }
    const char* range(std::uint64_t offset, std::uint64_t length) const {
        if (offset > bytes_.size() || length > bytes_.size() - offset)
            throw std::runtime_error(fmt::format("{} is cut short", path_));
        return bytes_.data() + offset;
    }
    std::string text(std::uint64_t offset) const {
        const char* begin = range(offset, 1);
        return {begin, ::strnlen(begin, bytes_.size() - offset)};
    }

private:
    std::string path_;
    std::vector<char> bytes_;
};

void load_segments(const Reader& file, const Elf64_Ehdr& header, ElfImage& image) {
    std::vector<Elf64_Phdr> segments;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        const auto segment = file.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
        if (segment.p_type == PT_LOAD && segment.p_memsz != 0) segments.push_back(segment);
    }
    if (segments.empty()) throw std::runtime_error("the kernel has nothing to load");
    const auto by_address = [](const Elf64_Phdr& a, const Elf64_Phdr& b) {
        return a.p_vaddr < b.p_vaddr;
    };
    std::sort(segments.begin(), segments.end(), by_address);
    image.base = segments.front().p_vaddr;
    image.memory.resize(segments.back().p_vaddr + segments.back().p_memsz - image.base);
    image.zeros_at = segments.back().p_vaddr + segments.back().p_filesz - image.base;
    for (const Elf64_Phdr& s : segments) {
        if (s.p_filesz == 0) continue;
        std::memcpy(image.memory.data() + (s.p_vaddr - image.base),
                    file.range(s.p_offset, s.p_filesz), s.p_filesz);
    }
}

void load_functions(const Reader& file, const Elf64_Ehdr& header, ElfImage& image) {
    for (unsigned i = 0; i < header.e_shnum; i++) {
        const auto table = file.at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
        if (table.sh_type != SHT_SYMTAB) continue;
        const auto names = file.at<Elf64_Shdr>(header.e_shoff + table.sh_link * sizeof(Elf64_Shdr));
        for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size;
             at += sizeof(Elf64_Sym)) {
            const auto symbol = file.at<Elf64_Sym>(table.sh_offset + at);
            const bool is_code =
                ELF64_ST_TYPE(symbol.st_info) == STT_FUNC ||
                (ELF64_ST_TYPE(symbol.st_info) == STT_NOTYPE && symbol.st_shndx == 1);
            std::string name = file.text(names.sh_offset + symbol.st_name);
            // "$x" and "$d" mark code and data for disassemblers; ".L…" is the assembler's own.
            if (!is_code || symbol.st_shndx == SHN_UNDEF || name.empty() || name[0] == '$' ||
                name[0] == '.')
                continue;
            image.functions.push_back({symbol.st_value, std::move(name)});
        }
    }
    std::stable_sort(image.functions.begin(), image.functions.end(),
                     [](const Function& a, const Function& b) { return a.address < b.address; });
}

} // namespace

ElfImage read_elf(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error(fmt::format("cannot read {}", path));
    const Reader file(path, {std::istreambuf_iterator<char>(in), {}});
    const auto header = file.at<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_AARCH64)
        throw std::runtime_error(fmt::format("{} is not an AArch64 ELF file", path));
    ElfImage image;
    load_segments(file, header, image);
    load_functions(file, header, image);
    return image;
}

} // namespace drupe::mkimage
