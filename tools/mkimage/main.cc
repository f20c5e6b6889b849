// SPDX-License-Identifier: BSD-2-Clause
// mkimage KERNEL.elf -o loader.img [--bootfs ARCHIVE]: the kernel as it lies in memory, its symbol
// table, and optionally a boot file system, behind one arm64 Image header.
#include "elf_image.h"
#include "symbols.h"

#include <drupe/base/image_layout.h>
#include <drupe/base/units.h>

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace {

using namespace drupe;

struct Arguments {
    std::string kernel, output, bootfs;
};

constexpr std::string_view usage = "usage: mkimage KERNEL.elf -o IMAGE [--bootfs ARCHIVE]\n"
                                   "Makes a bootable arm64 Image of the linked kernel, with its "
                                   "symbols and, if given, a boot file system.\n";

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; i++) {
        const std::string_view word = argv[i];
        std::string* value = word == "-o"         ? &arguments.output
                             : word == "--bootfs" ? &arguments.bootfs
                                                  : nullptr;
        if (word == "--help") {
            fmt::print("{}", usage);
            std::exit(0);
        }
        if (value && ++i == argc)
            throw std::runtime_error(fmt::format("{} needs a file name", word));
        if (!value && !arguments.kernel.empty())
            throw std::runtime_error(fmt::format("unexpected argument {}", word));
        *(value ? value : &arguments.kernel) = argv[i];
    }
    if (arguments.kernel.empty() || arguments.output.empty())
        throw std::runtime_error("a kernel and -o IMAGE are needed");
    return arguments;
}

std::vector<std::byte> read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error(fmt::format("cannot read {}", path));
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    return {begin, begin + bytes.size()};
}

/// Takes the zeroed data out: what is behind moves up when the kernel starts, so it is not long.
void leave_out_zeros(std::vector<std::byte>& image, std::size_t from, std::size_t to) {
    constexpr std::size_t line = 64;
    if (from % line != 0) throw std::runtime_error("zeroed data does not begin with a line");
    image.resize(align_up(image.size(), line));
    const std::uint64_t moved = image.size() - to;
    image.erase(image.begin() + static_cast<std::ptrdiff_t>(from),
                image.begin() + static_cast<std::ptrdiff_t>(to));
    std::memcpy(image.data() + sizeof(ImageHeader), &moved, sizeof moved);
}

void append_behind(std::vector<std::byte>& image, const std::vector<std::byte>& symbols,
                   const std::vector<std::byte>& bootfs) {
    image.resize(align_up(image.size(), page_size));
    ImageAppendix appendix{};
    appendix.magic = ImageAppendix::expected_magic;
    appendix.symbols_offset = image.size() + sizeof appendix;
    appendix.symbols_bytes = symbols.size();
    appendix.bootfs_offset = align_up(appendix.symbols_offset + symbols.size(), page_size);
    appendix.bootfs_bytes = bootfs.size();
    const auto* head = reinterpret_cast<const std::byte*>(&appendix);
    image.insert(image.end(), head, head + sizeof appendix);
    image.insert(image.end(), symbols.begin(), symbols.end());
    if (!bootfs.empty()) {
        image.resize(appendix.bootfs_offset);
        image.insert(image.end(), bootfs.begin(), bootfs.end());
    }
}

void set_image_size(std::vector<std::byte>& image) {
    ImageHeader header;
    std::memcpy(&header, image.data(), sizeof header);
    if (header.magic != image_magic)
        throw std::runtime_error("the kernel does not begin with an arm64 Image header");
    header.image_size = align_up(image.size(), page_size);
    std::memcpy(image.data(), &header, sizeof header);
}

void write_file(const std::string& path, const std::vector<std::byte>& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) {
        std::remove(path.c_str());
        throw std::runtime_error(fmt::format("cannot write {}", path));
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        const Arguments arguments = parse(argc, argv);
        mkimage::ElfImage kernel = mkimage::read_elf(arguments.kernel);
        const auto symbols = mkimage::encode_symbols(kernel);
        const std::size_t kernel_bytes = align_up(kernel.memory.size(), page_size);
        append_behind(kernel.memory, symbols,
                      arguments.bootfs.empty() ? std::vector<std::byte>{}
                                               : read_file(arguments.bootfs));
        set_image_size(kernel.memory);
        if (arguments.bootfs.empty()) leave_out_zeros(kernel.memory, kernel.zeros_at, kernel_bytes);
        write_file(arguments.output, kernel.memory);
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "mkimage: {}\n", error.what());
        return 1;
    }
}
