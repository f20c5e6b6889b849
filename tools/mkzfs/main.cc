// SPDX-License-Identifier: BSD-2-Clause
// mkzfs: folders and manifests of this machine to a ZFS pool in a file. The command line; the work
// is in image.cc, browse.cc and check.cc.
#include "browse.h"
#include "check.h"
#include "disk.h"
#include "failure.h"
#include "image.h"
#include "properties.h"

#include <drupe/base/assert.h>
#include <filetree/manifest.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <unistd.h>

namespace drupe {

// The format library's assertions end the program: they say that it, not its input, is wrong.
void assert_failed(const char* expression, const char* file, int line) {
    fmt::print(stderr, "mkzfs: assertion failed: {} at {}:{}\n", expression, file, line);
    std::abort();
}
void panic(std::string_view message) {
    fmt::print(stderr, "mkzfs: {}\n", message);
    std::abort();
}

} // namespace drupe

namespace {

using namespace drupe;
using namespace drupe::mkzfs;

constexpr std::string_view usage =
    R"(usage: mkzfs -o IMAGE [options] (FOLDER | -m MANIFEST)...
       mkzfs --check IMAGE [--json]
       mkzfs --list IMAGE [DATASET]
       mkzfs --cat IMAGE DATASET PATH
       mkzfs --extract IMAGE DATASET FOLDER
       mkzfs --get-args IMAGE
       mkzfs --set-args IMAGE TEXT
Writes a ZFS pool from folders and manifests, later ones over earlier ones; or reads one.
DATASET is a name like pool/data or pool/data@snapshot.

  -o IMAGE             the image; it appears only when it is complete
  -m MANIFEST          a manifest (tools/filetree/README.md)
  -p, --pool NAME      name of the pool (default drupe)
  --dataset NAME[,PROPERTY=VALUE]...
                       what follows goes into this dataset below the pool's root
  --property P=V       a property of the dataset at hand (--help-properties lists them)
  -c, --compression C  off (default), zle, lz4, gzip-1..9, zstd-1..19
  --checksum C         fletcher4 (default) or sha256
  --recordsize SIZE    largest block of a file (default 128K)
  --ashift N           smallest block, 2^N bytes, 9 to 16 (default 12)
  --snapshot NAME      a snapshot of every dataset
  --size SIZE          of the pool (default: what the content needs)
  --free SIZE          usable space beside the content, when the size is automatic (default 16M)
  --owner UID:GID      owner of all that is read from this machine (default 0:0)
  --keep-owner         owners as they are on this machine
  --mtime SECONDS      one time for all files (default: their own)
  --time SECONDS       time of the pool (default: its youngest file's)
  --device TYPE        what OpenZFS is to open the pool as: file (default), or disk when a host's
                       kernel is to import it from a block device
  --guid N             of the pool (default: derived from its content)
  -D NAME=VALUE        a variable for manifests
  -j, --threads N      default: one for each processor; the image does not depend on it
  --disk               a GPT disk: partition 1 for a loader, partition 2 the pool
  --loader FILE        what partition 1 holds
  --loader-size SIZE   of partition 1 (default: as much as the loader needs)
  --args TEXT          arguments stored for the loader
  --verify             read everything back and compare it with its sources
  --json               a report on standard output
  -q, --quiet          no progress, no summary
)";

struct Job {
    enum class Action {
        build,
        check,
        list,
        cat,
        extract,
        get_arguments,
        set_arguments
    } action = Action::build;
    Settings settings;
    std::vector<std::string> operands;
    bool verify = false, json = false, quiet = false;
};

// Sources are read once all options are known: some of them say how.
struct Source {
    std::size_t dataset;
    std::string path;
    bool is_manifest;
};

filetree::Owner parse_owner(std::string_view text) {
    std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) fail("--owner: '{}' should be UID:GID", text);
    return {
        static_cast<std::uint32_t>(parse_number(text.substr(0, colon), "--owner", 0, UINT32_MAX)),
        static_cast<std::uint32_t>(parse_number(text.substr(colon + 1), "--owner", 0, UINT32_MAX))};
}

std::pair<std::string_view, std::string_view> split_pair(std::string_view text,
                                                         std::string_view what) {
    std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
        fail("{}: '{}' should be NAME=VALUE", what, text);
    return {text.substr(0, equals), text.substr(equals + 1)};
}

class CommandLine {
public:
    CommandLine(int argc, char** argv) : arguments_(argv + 1, argv + argc) {
        job_.settings.datasets.emplace_back();
        job_.settings.threads = std::max(1u, std::thread::hardware_concurrency());
    }

    Job parse() {
        while (next_ < arguments_.size()) {
            std::string_view a = arguments_[next_++];
            if (a == "--") {
                while (next_ < arguments_.size()) operand(arguments_[next_++]);
            } else if (a.size() > 1 && a[0] == '-') {
                option(a);
            } else {
                operand(a);
            }
        }
        finish();
        return std::move(job_);
    }

private:
    std::string_view value() {
        if (inline_value_) return *std::exchange(inline_value_, std::nullopt);
        if (next_ == arguments_.size()) fail("{} needs a value", name_);
        return arguments_[next_++];
    }

    DatasetSettings& dataset() { return job_.settings.datasets.back(); }

    void operand(std::string_view text) {
        sources_.push_back({job_.settings.datasets.size() - 1, std::string(text), false});
    }

    void option(std::string_view text) {
        name_ = text;
        inline_value_.reset();
        if (std::size_t equals = text.find('='); text.starts_with("--") && equals != text.npos) {
            name_ = text.substr(0, equals);
            inline_value_ = text.substr(equals + 1);
        }
        // -j4, -clz4: the value of a short option may follow it at once.
        if (text[1] != '-' && text.size() > 2) {
            name_ = text.substr(0, 2);
            inline_value_ = text.substr(2);
        }
        if (!action_option()) {
            if (!(place_option() || image_option() || content_option() || disk_option()))
                fail("unknown option {} (see --help)", name_);
            build_option_ = name_;
        }
        if (inline_value_) fail("{} takes no value", name_);
    }

    bool is(std::string_view one, std::string_view other = {}) const {
        return name_ == one || (!other.empty() && name_ == other);
    }

    bool action(std::string_view name, Job::Action which) {
        if (!is(name)) return false;
        if (!action_.empty() && action_ != name)
            fail("{} and {} exclude each other", action_, name);
        action_ = name;
        job_.action = which;
        return true;
    }

    // What is to be done, and how it is told.
    bool action_option() {
        if (is("-h", "--help")) {
            fmt::print("{}", usage);
            std::exit(0);
        }
        if (is("--help-properties")) {
            fmt::print("{}\n", property_names());
            std::exit(0);
        }
        if (is("--json")) return job_.json = true;
        if (is("-q", "--quiet")) return job_.quiet = true;
        return action("--check", Job::Action::check) || action("--list", Job::Action::list) ||
               action("--cat", Job::Action::cat) || action("--extract", Job::Action::extract) ||
               action("--get-args", Job::Action::get_arguments) ||
               action("--set-args", Job::Action::set_arguments);
    }

    bool place_option() {
        if (is("-o", "--output")) return job_.settings.output = value(), true;
        if (is("-m", "--manifest")) {
            sources_.push_back({job_.settings.datasets.size() - 1, std::string(value()), true});
            return true;
        }
        if (is("--dataset")) return add_dataset(value()), true;
        if (is("--verify")) return job_.verify = true;
        return false;
    }

    bool image_option() {
        Settings& s = job_.settings;
        if (is("-p", "--pool")) return check_pool_name(s.pool = value()), true;
        if (is("--ashift"))
            return s.ashift = static_cast<unsigned>(parse_number(value(), name_, 9, 16)), true;
        if (is("--snapshot")) return check_snapshot_name(s.snapshot = value()), true;
        if (is("--size")) return s.size = parse_size(value(), name_), true;
        if (is("--free")) return s.free = parse_size(value(), name_), true;
        if (is("--time"))
            return s.time = static_cast<std::int64_t>(parse_number(value(), name_, 0, INT64_MAX)),
                   true;
        if (is("--device")) {
            s.device_type = value();
            if (s.device_type != "file" && s.device_type != "disk")
                fail("--device: '{}' is neither file nor disk", s.device_type);
            return true;
        }
        if (is("--guid")) return s.guid = parse_number(value(), name_, 1, UINT64_MAX), true;
        if (is("-j", "--threads"))
            return s.threads = static_cast<unsigned>(parse_number(value(), name_, 1, 256)), true;
        return false;
    }

    bool content_option() {
        if (is("-c", "--compression")) return set_property(dataset(), "compression", value()), true;
        if (is("--checksum")) return set_property(dataset(), "checksum", value()), true;
        if (is("--recordsize")) return set_property(dataset(), "recordsize", value()), true;
        if (is("--property")) {
            auto [name, v] = split_pair(value(), name_);
            return set_property(dataset(), name, v), true;
        }
        if (is("--owner")) return host_.owner = parse_owner(value()), true;
        if (is("--keep-owner")) return host_.owner.reset(), true;
        if (is("--mtime"))
            return host_.mtime =
                       static_cast<std::int64_t>(parse_number(value(), name_, 0, INT64_MAX)),
                   true;
        if (is("-D")) {
            auto [name, v] = split_pair(value(), name_);
            return variables_.insert_or_assign(std::string(name), std::string(v)), true;
        }
        return false;
    }

    bool disk_option() {
        Settings& s = job_.settings;
        if (is("--disk")) return s.disk = true;
        if (is("--loader")) return s.loader = value(), s.disk = true;
        if (is("--loader-size")) return s.loader_size = parse_size(value(), name_), s.disk = true;
        if (is("--args")) return s.arguments = value(), s.disk = true;
        return false;
    }

    // NAME,p=v,p=v: the dataset is encoded as the root is unless its own properties say otherwise.
    void add_dataset(std::string_view text) {
        std::size_t comma = text.find(',');
        std::string name(text.substr(0, comma));
        check_dataset_name(name);
        for (const DatasetSettings& d : job_.settings.datasets)
            if (d.name == name) fail("there are two datasets '{}'", name);
        std::size_t slash = name.rfind('/');
        if (slash != name.npos) {
            bool found = false;
            for (const DatasetSettings& d : job_.settings.datasets)
                found = found || d.name == name.substr(0, slash);
            if (!found) fail("dataset '{}' needs '{}' before it", name, name.substr(0, slash));
        }
        DatasetSettings d;
        d.name = name;
        d.data = job_.settings.datasets[0].data;
        d.record_size = job_.settings.datasets[0].record_size;
        job_.settings.datasets.push_back(std::move(d));
        while (comma != text.npos) {
            text = text.substr(comma + 1);
            comma = text.find(',');
            auto [property, v] = split_pair(text.substr(0, comma), "--dataset");
            set_property(dataset(), property, v);
        }
    }

    void finish() {
        std::size_t wanted = 0;
        if (job_.action == Job::Action::build) return read_sources();
        if (!build_option_.empty()) fail("{} does not go with {}", build_option_, action_);
        if (job_.json && job_.action != Job::Action::check)
            fail("--json does not go with {}", action_);
        for (Source& s : sources_) job_.operands.push_back(std::move(s.path));
        switch (job_.action) {
        case Job::Action::build: break;
        case Job::Action::check:
        case Job::Action::get_arguments: wanted = 1; break;
        case Job::Action::set_arguments: wanted = 2; break;
        case Job::Action::list: wanted = job_.operands.size() == 2 ? 2 : 1; break;
        case Job::Action::cat:
        case Job::Action::extract: wanted = 3; break;
        }
        if (job_.operands.size() != wanted) fail("the wrong number of arguments (see --help)");
    }

    void read_sources() {
        if (job_.settings.output.empty()) fail("-o IMAGE is missing (see --help)");
        if (sources_.empty()) fail("nothing to put into the image (see --help)");
        std::optional<FileIdentity> old = Output::check_target(job_.settings.output);
        for (const Source& s : sources_) {
            filetree::Tree& tree = job_.settings.datasets[s.dataset].tree;
            if (s.is_manifest) {
                filetree::add_manifest(tree, s.path, host_, variables_);
                continue;
            }
            filetree::add_host_folder(tree, s.path, host_);
        }
        if (old) refuse_itself(*old);
    }

    // The image of the last time must not be content of this one.
    void refuse_itself(const FileIdentity& old) {
        for (const DatasetSettings& d : job_.settings.datasets)
            for (const auto& [path, node] : d.tree.nodes())
                if (node.inode->kind == filetree::Kind::file && node.inode->size == old.size &&
                    identify(node.inode->source) == old)
                    fail("{}: it is among what goes into it", job_.settings.output);
    }

    std::vector<std::string_view> arguments_;
    std::size_t next_ = 0;
    std::string_view name_;
    std::optional<std::string_view> inline_value_;
    std::string_view action_, build_option_; // as they were given
    Job job_;
    std::vector<Source> sources_;
    filetree::HostOptions host_;
    filetree::Variables variables_;
};

class ProgressBar {
public:
    explicit ProgressBar(std::uint64_t total) : total_(total) {}
    ~ProgressBar() {
        if (shown_) fmt::print(stderr, "\r\033[K");
    }
    void update(std::uint64_t done) {
        auto now = std::chrono::steady_clock::now();
        if (now - last_ < std::chrono::milliseconds(100)) return;
        last_ = now;
        shown_ = true;
        constexpr unsigned width = 40;
        std::uint64_t part =
            total_ == 0 ? width : std::min<std::uint64_t>(width, done * width / total_);
        fmt::print(stderr, "\r[{:#<{}}{:{}}] {} of {} MiB", "", part, "", width - part, done >> 20,
                   total_ >> 20);
    }

private:
    std::uint64_t total_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_{};
};

std::uint64_t content_bytes(const Settings& s) {
    std::uint64_t total = 0;
    for (const DatasetSettings& d : s.datasets)
        for (const auto& [path, node] : d.tree.nodes()) total += node.inode->size;
    return total;
}

void print_report(const Settings& s, const Report& r, bool json) {
    if (!json) {
        fmt::print("{}: pool {} of {} MiB, {} files, {} MiB of content in {} MiB\n", s.output,
                   s.pool, r.pool_size >> 20, r.files, r.bytes >> 20, r.allocated >> 20);
        return;
    }
    fmt::print("{{\"image\": {}, \"pool\": \"{}\", \"guid\": \"{}\", \"file_size\": {}, "
               "\"pool_offset\": {}, \"pool_size\": {}, \"allocated\": {}, \"files\": {}, "
               "\"content_bytes\": {}, \"objects\": {}, \"ashift\": {}, \"metaslab_shift\": {}, "
               "\"datasets\": [",
               json_string(s.output), s.pool, r.pool_guid, r.file_size, r.pool_offset, r.pool_size,
               r.allocated, r.files, r.bytes, r.objects, s.ashift, r.metaslab_shift);
    for (std::size_t i = 0; i < r.datasets.size(); ++i) {
        const Report::Dataset& d = r.datasets[i];
        fmt::print(
            "{}{{\"name\": \"{}\", \"files\": {}, \"content_bytes\": {}, \"referenced\": {}, "
            "\"logical\": {}}}",
            i == 0 ? "" : ", ", d.name, d.files, d.bytes, d.referenced, d.logical);
    }
    fmt::print("]}}\n");
}

int build(const Job& job) {
    Output out{job.settings.output};
    Report report;
    {
        ProgressBar bar{content_bytes(job.settings)};
        Progress progress;
        if (isatty(2) != 0 && !job.quiet) progress = [&](std::uint64_t done) { bar.update(done); };
        report = write_image(job.settings, out, progress);
    }
    if (job.verify) verify_image(out, job.settings);
    out.finish();
    if (!job.quiet || job.json) print_report(job.settings, report, job.json);
    return 0;
}

int run(const Job& job) {
    switch (job.action) {
    case Job::Action::build: return build(job);
    case Job::Action::check: return check_command(job.operands[0], job.json);
    case Job::Action::list:
        return list_command(job.operands[0], job.operands.size() > 1 ? job.operands[1] : "");
    case Job::Action::cat: return cat_command(job.operands[0], job.operands[1], job.operands[2]);
    case Job::Action::extract:
        return extract_command(job.operands[0], job.operands[1], job.operands[2]);
    case Job::Action::get_arguments: return get_arguments_command(job.operands[0]);
    case Job::Action::set_arguments: return set_arguments_command(job.operands[0], job.operands[1]);
    }
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    try {
        int status = run(CommandLine{argc, argv}.parse());
        if (std::fflush(stdout) != 0) fail("standard output: {}", std::strerror(errno));
        return status;
    } catch (const std::bad_alloc&) {
        fmt::print(stderr, "mkzfs: out of memory\n");
    } catch (const std::exception& e) { fmt::print(stderr, "mkzfs: {}\n", printable(e.what())); }
    return 1;
}
