// SPDX-License-Identifier: BSD-2-Clause
#include "disk.h"

#include "failure.h"
#include "gpt.h"

#include <filetree/host_file.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

namespace drupe::mkzfs {

namespace {

// magic, length, CRC-32 of the text, the text.
constexpr std::uint64_t arguments_size = 64 * 1024;
constexpr std::size_t max_loader_size = 1 << 30;
constexpr std::string_view arguments_magic = "DRUPEARG";
constexpr std::size_t arguments_header = 8 + 4 + 4;

std::uint32_t crc(std::string_view text) {
    return static_cast<std::uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::vector<std::byte> arguments_block(const std::string& text) {
    if (text.size() > arguments_size - arguments_header)
        fail("the stored arguments are longer than {} bytes", arguments_size - arguments_header);
    std::vector<std::byte> b(arguments_size);
    std::memcpy(b.data(), arguments_magic.data(), arguments_magic.size());
    zfs::store_le(&b[8], static_cast<std::uint32_t>(text.size()));
    zfs::store_le(&b[12], crc(text));
    std::memcpy(&b[arguments_header], text.data(), text.size());
    return b;
}

// Where the argument block of an image is: right before the pool's partition.
std::uint64_t arguments_offset(const std::string& image) {
    Input input{image};
    if (input.region() < partition_alignment + arguments_size)
        fail("{}: not a disk with a loader and a pool", image);
    return input.region() - arguments_size;
}

struct OpenFile {
    OpenFile(const std::string& path, int flags) : fd(open(path.c_str(), flags | O_CLOEXEC)) {
        if (fd < 0) fail("{}: {}", path, std::strerror(errno));
    }
    OpenFile(const OpenFile&) = delete;
    ~OpenFile() { close(fd); }
    int fd;
};

} // namespace

DiskLayout::DiskLayout(const Settings& settings) : arguments_(settings.arguments) {
    if (!settings.loader.empty()) loader_ = filetree::read_stream(settings.loader, max_loader_size);
    arguments_block(arguments_); // refuses what is too long before anything is written
    std::uint64_t needed = zfs::round_up(loader_.size() + arguments_size, partition_alignment);
    loader_partition_size_ = zfs::round_up(settings.loader_size, partition_alignment);
    if (loader_partition_size_ == 0) loader_partition_size_ = needed;
    if (loader_partition_size_ < needed)
        fail("the loader and its arguments need a partition of {} bytes", needed);
}

std::uint64_t DiskLayout::pool_offset() const {
    return partition_alignment + loader_partition_size_;
}

std::uint64_t DiskLayout::file_size(std::uint64_t pool_size) const {
    return zfs::round_up(pool_offset() + pool_size + gpt_tail_size, partition_alignment);
}

void DiskLayout::write(Output& out, std::uint64_t pool_size, const zfs::CksumValue& seed) const {
    out.write_file(partition_alignment, zfs::bytes_of(loader_));
    out.write_file(pool_offset() - arguments_size, arguments_block(arguments_));
    write_gpt(out, file_size(pool_size),
              {{partition_alignment, loader_partition_size_, false, "loader"},
               {pool_offset(), pool_size, true, "pool"}},
              seed);
}

std::string read_arguments(const std::string& image) {
    std::uint64_t offset = arguments_offset(image);
    OpenFile file{image, O_RDONLY};
    std::vector<std::byte> b(arguments_size);
    if (pread(file.fd, b.data(), b.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(b.size()))
        fail("{}: {}", image, std::strerror(errno));
    std::size_t length = zfs::load_le<std::uint32_t>(&b[8]);
    if (std::memcmp(b.data(), arguments_magic.data(), arguments_magic.size()) != 0 ||
        length > arguments_size - arguments_header)
        fail("{}: no stored arguments", image);
    std::string text(zfs::text_of(zfs::Bytes{b}.subspan(arguments_header, length)));
    if (crc(text) != zfs::load_le<std::uint32_t>(&b[12]))
        fail("{}: the stored arguments are damaged", image);
    return text;
}

void write_arguments(const std::string& image, const std::string& text) {
    std::vector<std::byte> b = arguments_block(text);
    read_arguments(image); // only over an argument block
    std::uint64_t offset = arguments_offset(image);
    OpenFile file{image, O_WRONLY};
    if (pwrite(file.fd, b.data(), b.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(b.size()))
        fail("{}: {}", image, std::strerror(errno));
}

int get_arguments_command(const std::string& image) {
    fmt::print("{}\n", read_arguments(image));
    return 0;
}

int set_arguments_command(const std::string& image, const std::string& text) {
    write_arguments(image, text);
    return 0;
}

} // namespace drupe::mkzfs
