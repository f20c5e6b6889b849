// SPDX-License-Identifier: BSD-2-Clause
// mkbootfs: folders and manifests of this machine to a boot file system. The command line and the
// files; tools/filetree knows what goes in, newc.cc the format.
#include <filetree/manifest.h>
#include <mkbootfs/newc.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace drupe;
using filetree::Error;

constexpr std::string_view usage =
    "usage: mkbootfs -o FILE [options] (FOLDER | -m MANIFEST)...\n"
    "Writes a boot file system (cpio, newc) from folders and manifests, later ones over earlier "
    "ones.\n"
    "  -o FILE              the archive; it appears only when it is complete\n"
    "  -m MANIFEST          a manifest (tools/filetree/README.md)\n"
    "  --base FOLDER        what the kernel will have already: not written, but links in it are "
    "followed\n"
    "  -D NAME=VALUE        a variable for manifests\n"
    "  --owner UID:GID      owner of all that is read from this machine (default 0:0)\n"
    "  --keep-owner         owners as they are on this machine\n"
    "  --mtime SECONDS      one time for everything (default: the files' own)\n"
    "  --align-above BYTES  larger files begin on a page (default 512)\n"
    "  -v                   say what went in\n";

struct Source {
    enum class Kind { folder, manifest, base } kind;
    std::string path;
};

struct Options {
    std::string output;
    std::vector<Source> sources;
    filetree::HostOptions host;
    filetree::Variables variables;
    bootfs::Layout layout;
    bool verbose = false;
};

// Removed by the signal handler and on every way out but success.
char temporary[4096];

extern "C" void clean_up_and_die(int number) {
    if (temporary[0] != '\0') unlink(temporary);
    signal(number, SIG_DFL);
    raise(number);
}

class FileSink final : public bootfs::Sink {
public:
    explicit FileSink(const std::string& output) : output_(output) {
        auto name = fmt::format("{}.{}.tmp", output, getpid());
        if (name.size() >= sizeof(temporary)) throw Error("the output path is too long");
        fd_ = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd_ < 0) fail();
        std::memcpy(temporary, name.c_str(), name.size() + 1);
        buffer_.reserve(capacity);
    }
    FileSink(const FileSink&) = delete;
    ~FileSink() override {
        if (fd_ >= 0) close(fd_);
        if (temporary[0] != '\0') unlink(temporary);
    }

    void write(std::span<const char> bytes) override {
        if (buffer_.size() + bytes.size() > capacity) flush();
        if (bytes.size() >= capacity) return write_out(bytes);
        buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    }

    void finish() {
        flush();
        if (close(std::exchange(fd_, -1)) != 0) fail();
        if (rename(temporary, output_.c_str()) != 0) fail();
        temporary[0] = '\0';
    }

private:
    static constexpr std::size_t capacity = 1 << 20;

    [[noreturn]] void fail() const {
        throw Error(fmt::format("{}: {}", output_, std::strerror(errno)));
    }

    void flush() {
        write_out(buffer_);
        buffer_.clear();
    }

    void write_out(std::span<const char> bytes) {
        while (!bytes.empty()) {
            auto done = ::write(fd_, bytes.data(), bytes.size());
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) fail();
            bytes = bytes.subspan(static_cast<std::size_t>(done));
        }
    }

    const std::string& output_;
    int fd_ = -1;
    std::vector<char> buffer_;
};

class HostContents final : public bootfs::Contents {
public:
    void copy(const filetree::Inode& inode, bootfs::Sink& sink) override {
        int fd = open(inode.source.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) throw Error(fmt::format("{}: {}", inode.source, std::strerror(errno)));
        std::uint64_t left = inode.size;
        ssize_t got = 0;
        while (left != 0 && (got = read(fd, buffer_.data(),
                                        std::min<std::uint64_t>(left, buffer_.size()))) > 0) {
            sink.write({buffer_.data(), static_cast<std::size_t>(got)});
            left -= static_cast<std::uint64_t>(got);
        }
        int error = errno;
        close(fd);
        if (got < 0) throw Error(fmt::format("{}: {}", inode.source, std::strerror(error)));
    }

private:
    std::array<char, 1 << 18> buffer_;
};

template <class T>
T to_number(std::string_view text, std::string_view option) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty())
        throw Error(fmt::format("{}: '{}' is no number", option, text));
    return value;
}

filetree::Owner to_owner(std::string_view text) {
    auto colon = std::min(text.find(':'), text.size());
    if (colon == text.size()) throw Error(fmt::format("--owner: '{}' is not UID:GID", text));
    return {to_number<std::uint32_t>(text.substr(0, colon), "--owner"),
            to_number<std::uint32_t>(text.substr(colon + 1), "--owner")};
}

void define(std::string_view text, filetree::Variables& variables) {
    auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        throw Error(fmt::format("-D: '{}' is not NAME=VALUE", text));
    variables.insert_or_assign(std::string(text.substr(0, equals)),
                               std::string(text.substr(equals + 1)));
}

Options parse_arguments(int argc, char** argv) {
    Options options;
    int at = 1;
    auto value = [&](std::string_view option) -> std::string {
        if (at == argc) throw Error(fmt::format("{} needs a value", option));
        return argv[at++];
    };
    while (at < argc) {
        std::string_view word = argv[at++];
        if (word == "-o")
            options.output = value(word);
        else if (word == "-m")
            options.sources.push_back({Source::Kind::manifest, value(word)});
        else if (word == "--base")
            options.sources.push_back({Source::Kind::base, value(word)});
        else if (word == "-D")
            define(value(word), options.variables);
        else if (word == "--owner")
            options.host.owner = to_owner(value(word));
        else if (word == "--keep-owner")
            options.host.owner.reset();
        else if (word == "--mtime")
            options.host.mtime = to_number<std::int64_t>(value(word), word);
        else if (word == "--align-above")
            options.layout.align_above = to_number<std::uint64_t>(value(word), word);
        else if (word == "-v")
            options.verbose = true;
        else if (word.starts_with('-'))
            throw Error(fmt::format("there is no option '{}' (--help)", word));
        else
            options.sources.push_back({Source::Kind::folder, std::string(word)});
    }
    if (options.output.empty()) throw Error("-o FILE is missing (--help)");
    if (options.sources.empty())
        throw Error("nothing to put in: name a folder or -m MANIFEST (--help)");
    // The base is below everything, wherever it stands on the command line.
    std::stable_partition(options.sources.begin(), options.sources.end(),
                          [](const Source& s) { return s.kind == Source::Kind::base; });
    return options;
}

int run(int argc, char** argv) {
    auto options = parse_arguments(argc, argv);
    filetree::Tree tree;
    for (const auto& source : options.sources) {
        if (source.kind == Source::Kind::manifest) {
            filetree::add_manifest(tree, source.path, options.host, options.variables);
        } else {
            filetree::add_host_folder(tree, source.path, options.host);
            if (source.kind == Source::Kind::base) tree.hide_all();
        }
    }
    FileSink sink(options.output);
    HostContents contents;
    auto totals = bootfs::write_archive(tree, contents, sink, options.layout);
    sink.finish();
    if (options.verbose) {
        fmt::print(stderr, "mkbootfs: {} entries, {} files with {} bytes, archive {} bytes\n",
                   totals.entries, totals.files, totals.file_bytes, totals.archive_bytes);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && (argv[1] == std::string_view("--help") || argv[1] == std::string_view("-h"))) {
        fmt::print("{}", usage);
        return 0;
    }
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, clean_up_and_die);
    try {
        return run(argc, argv);
    } catch (const std::exception& e) {
        fmt::print(stderr, "mkbootfs: {}\n", e.what());
        return 1;
    }
}
