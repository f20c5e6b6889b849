// SPDX-License-Identifier: BSD-2-Clause
// Fills a tree from the build machine's files, directly or as manifests say.
#include <filetree/host_file.h>
#include <filetree/manifest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <utility>

namespace drupe::filetree {

namespace {

constexpr int max_include_depth = 16;
constexpr std::size_t max_manifest_bytes = 64 << 20;

using LinkMap = std::map<std::pair<dev_t, ino_t>, InodePtr>;

[[noreturn]] void fail_host(const std::string& host) {
    throw Error(fmt::format("{}: {}", host, std::strerror(errno)));
}

std::vector<std::string> names_in(const std::string& folder) {
    DIR* dir = opendir(HostPath(folder).c_str());
    if (dir == nullptr) fail_host(folder);
    std::vector<std::string> names;
    errno = 0;
    while (dirent* entry = readdir(dir)) {
        std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(std::move(name));
    }
    int error = errno;
    closedir(dir);
    if (error != 0) {
        errno = error;
        fail_host(folder);
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string read_link(const std::string& host, std::size_t size_hint) {
    std::string target(std::max<std::size_t>(size_hint, 255) + 1, '\0');
    auto bytes = readlink(HostPath(host).c_str(), target.data(), target.size());
    if (bytes < 0) fail_host(host);
    if (static_cast<std::size_t>(bytes) == target.size()) return read_link(host, target.size() * 2);
    target.resize(static_cast<std::size_t>(bytes));
    return target;
}

Kind kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR: return Kind::directory;
    case S_IFLNK: return Kind::symlink;
    case S_IFCHR: return Kind::char_device;
    case S_IFBLK: return Kind::block_device;
    case S_IFIFO: return Kind::fifo;
    case S_IFSOCK: return Kind::socket;
    default: return Kind::file;
    }
}

InodePtr inode_of(const std::string& host, const struct stat& s, const HostOptions& options) {
    auto inode = std::make_shared<Inode>();
    inode->kind = kind_of(s.st_mode);
    inode->mode = static_cast<std::uint16_t>(s.st_mode & 07777);
    inode->owner = options.owner.value_or(Owner{s.st_uid, s.st_gid});
    inode->mtime = options.mtime.value_or(s.st_mtim.tv_sec);
    if (!options.mtime) inode->mtime_nanoseconds = static_cast<std::uint32_t>(s.st_mtim.tv_nsec);
    inode->source = host;
    if (inode->kind == Kind::file) {
        inode->size = static_cast<std::uint64_t>(s.st_size);
    } else if (inode->kind == Kind::symlink) {
        inode->target = read_link(host, static_cast<std::size_t>(s.st_size));
    } else if (inode->kind == Kind::char_device || inode->kind == Kind::block_device) {
        inode->major = major(s.st_rdev);
        inode->minor = minor(s.st_rdev);
    }
    return inode;
}

void add_host_linked(Tree& tree, const std::string& path, const std::string& host,
                     const HostOptions& options, LinkMap& links) {
    struct stat s {};
    if (lstat(HostPath(host).c_str(), &s) != 0) fail_host(host);
    bool linked = !S_ISDIR(s.st_mode) && s.st_nlink > 1;
    if (linked) {
        if (auto known = links.find({s.st_dev, s.st_ino}); known != links.end()) {
            tree.put(path, known->second);
            return;
        }
    }
    auto inode = inode_of(host, s, options);
    if (linked) links.emplace(std::pair{s.st_dev, s.st_ino}, inode);
    bool is_folder = inode->kind == Kind::directory;
    tree.put(path, std::move(inode));
    if (!is_folder) return;
    for (const auto& name : names_in(host))
        add_host_linked(tree, normalise(path + "/" + name), host + "/" + name, options, links);
}

std::string unescape(std::string_view pattern) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
        out += pattern[i];
    }
    return out;
}

bool has_pattern(std::string_view component) {
    for (std::size_t i = 0; i < component.size(); ++i) {
        if (component[i] == '\\')
            ++i;
        else if (component[i] == '*' || component[i] == '?' || component[i] == '[')
            return true;
    }
    return false;
}

using Matches = std::vector<std::pair<std::string, std::string>>;

bool is_folder(const std::string& host) {
    struct stat s {};
    return stat(host.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}

// `below` is the part of `host` from the first component with a pattern on.
void glob_components(const std::string& host, const std::string& below, std::string_view pattern,
                     Matches& out) {
    if (pattern.empty()) {
        struct stat s {};
        if (lstat(host.c_str(), &s) == 0) out.emplace_back(host, below);
        return;
    }
    auto slash = pattern.find('/');
    auto part = pattern.substr(0, slash);
    auto rest = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
    auto deeper = [](const std::string& base, const std::string& name) {
        return base.empty() ? name : base.ends_with('/') ? base + name : base + "/" + name;
    };
    if (part.empty()) return glob_components(host, below, rest, out);
    if (!has_pattern(part) && below.empty())
        return glob_components(deeper(host, unescape(part)), below, rest, out);
    auto folder = host.empty() ? std::string(".") : host;
    if (!is_folder(folder)) return;
    if (part == "**") glob_components(host, below, rest, out);
    for (const auto& name : names_in(folder)) {
        auto next = deeper(host, name);
        if (part == "**") {
            struct stat s {};
            if (lstat(next.c_str(), &s) != 0) continue;
            if (S_ISDIR(s.st_mode))
                glob_components(next, deeper(below, name), pattern, out);
            else if (rest.empty())
                out.emplace_back(next, deeper(below, name));
        } else if ((name[0] != '.' || part[0] == '.') && glob_match(part, name)) {
            glob_components(next, deeper(below, name), rest, out);
        }
    }
}

std::string folder_of(const std::string& file) {
    auto slash = file.rfind('/');
    return slash == std::string::npos ? std::string{} : file.substr(0, slash + 1);
}

std::string base_name(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

// One manifest being carried out.
class Applier {
public:
    Applier(Tree& tree, HostOptions options, Variables& variables)
        : tree_(tree), options_(options), variables_(variables) {}

    void run(const std::string& file, int depth) {
        if (depth > max_include_depth) throw Error(fmt::format("{}: %include goes too deep", file));
        auto outer = std::exchange(folder_, folder_of(file));
        for (const auto& entry :
             parse_manifest(read_stream(file, max_manifest_bytes), file, variables_)) {
            if (entry.directive == Directive::include) {
                run(host_path(entry.words[0].text), depth + 1);
                continue;
            }
            try {
                apply(entry);
            } catch (const Error& e) {
                throw Error(fmt::format("{}:{}: {}", file, entry.line, e.what()));
            }
        }
        folder_ = std::move(outer);
    }

private:
    std::string host_path(const std::string& path) const {
        return path.starts_with('/') ? path : folder_ + path;
    }

    void change(Inode& inode, const Attributes& attributes) const {
        if (attributes.mode) inode.mode = *attributes.mode;
        if (attributes.owner) inode.owner = *attributes.owner;
        if (attributes.mtime) {
            inode.mtime = *attributes.mtime;
            inode.mtime_nanoseconds = 0;
        }
    }

    void copy(const std::string& path, const std::string& host, const Attributes& attributes) {
        auto options = options_;
        if (attributes.owner) options.owner = attributes.owner;
        if (attributes.mtime) options.mtime = attributes.mtime;
        add_host_linked(tree_, path, host, options, links_);
        if (attributes.mode) {
            if (auto inode = tree_.find(path)) inode->mode = *attributes.mode;
        }
    }

    void copy_entry(const Entry& entry) {
        const auto& word = entry.words[0];
        if (!word.is_glob) {
            auto host = host_path(word.text);
            auto name = entry.into_folder ? "/" + base_name(word.text) : std::string{};
            return copy(normalise(entry.path + name), host, entry.attributes);
        }
        auto pattern = word.pattern;
        if (!word.text.starts_with('/')) {
            std::string folder;
            for (char c : folder_)
                folder +=
                    (c == '*' || c == '?' || c == '[' || c == '\\' ? "\\" : "") + std::string(1, c);
            pattern = folder + pattern;
        }
        auto matches = glob_host(pattern);
        if (matches.empty()) throw Error(fmt::format("nothing matches '{}'", word.text));
        for (const auto& [host, below] : matches)
            copy(normalise(entry.path + "/" + below), host, entry.attributes);
    }

    void make(const Entry& entry, Kind kind, std::uint16_t mode) {
        auto inode = std::make_shared<Inode>();
        inode->kind = kind;
        inode->mode = mode;
        inode->mtime = options_.mtime.value_or(0);
        inode->major = entry.major;
        inode->minor = entry.minor;
        if (kind == Kind::symlink) inode->target = entry.words[0].text;
        change(*inode, entry.attributes);
        tree_.put(entry.path, std::move(inode));
    }

    void apply(const Entry& entry) {
        switch (entry.directive) {
        case Directive::copy: return copy_entry(entry);
        case Directive::directory: return make(entry, Kind::directory, 0755);
        case Directive::symlink: return make(entry, Kind::symlink, 0777);
        case Directive::character: return make(entry, Kind::char_device, 0600);
        case Directive::block: return make(entry, Kind::block_device, 0600);
        case Directive::fifo: return make(entry, Kind::fifo, 0644);
        case Directive::hardlink: {
            auto other = existing(normalise(entry.words[0].text));
            if (other->kind == Kind::directory)
                throw Error("a directory cannot have a second name");
            return tree_.put(entry.path, std::move(other));
        }
        case Directive::attributes: return change(*existing(entry.path), entry.attributes);
        case Directive::remove:
            if (!tree_.remove(entry.path))
                throw Error(fmt::format("there is no /{} to remove", entry.path));
            return;
        case Directive::include: return;
        }
    }

    InodePtr existing(const std::string& path) const {
        auto inode = tree_.find(path);
        if (!inode) throw Error(fmt::format("there is no /{} yet", path));
        return inode;
    }

    Tree& tree_;
    HostOptions options_;
    Variables& variables_;
    std::string folder_;
    LinkMap links_;
};

} // namespace

void add_host(Tree& tree, std::string_view path, const std::string& host,
              const HostOptions& options) {
    LinkMap links;
    add_host_linked(tree, normalise(path), host, options, links);
}

void add_host_folder(Tree& tree, const std::string& host, const HostOptions& options) {
    // The folder itself may be named through a symlink; the dot makes lstat see what it points to.
    std::string inside = host + "/.";
    struct stat s {};
    if (lstat(inside.c_str(), &s) != 0) fail_host(host);
    add_host(tree, "", inside, options);
}

void add_manifest(Tree& tree, const std::string& file, const HostOptions& options,
                  Variables& variables) {
    Applier(tree, options, variables).run(file, 0);
}

std::vector<std::pair<std::string, std::string>> glob_host(const std::string& pattern) {
    Matches out;
    glob_components(pattern.starts_with('/') ? "/" : "", "", pattern, out);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

} // namespace drupe::filetree
