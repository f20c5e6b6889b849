// SPDX-License-Identifier: BSD-2-Clause
#include <filetree/tree.h>

#include <fmt/format.h>

namespace drupe::filetree {

namespace {

constexpr int max_links = 40;                // as Linux
constexpr std::size_t max_path_bytes = 8192; // what is gone through folder by folder has an end

std::string_view parent_of(std::string_view path) {
    auto slash = path.rfind('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string join(std::string_view folder, std::string_view name) {
    return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
}

} // namespace

std::string normalise(std::string_view path) {
    std::string out;
    while (!path.empty()) {
        auto slash = path.find('/');
        auto part = path.substr(0, slash);
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
        if (part.empty() || part == ".") continue;
        if (part == "..") throw Error("a path in the image must not contain '..'");
        if (part.find('\0') != std::string_view::npos)
            throw Error("a path must not contain a NUL byte");
        if (part.size() > 255) throw Error("a name in the image is longer than 255 bytes");
        if (!out.empty()) out += '/';
        out += part;
    }
    if (out.size() > max_path_bytes)
        throw Error(fmt::format("/{}...: a path in the image is longer than {} bytes",
                                std::string_view(out).substr(0, 60), max_path_bytes));
    return out;
}

Tree::Tree() { nodes_.emplace("", Node{std::make_shared<Inode>()}); }

// Follows symlinks everywhere in `path`, the last name included. A name that is not there yet
// stays.
std::string Tree::resolve(std::string_view path, int& links_left) const {
    std::string at;
    while (!path.empty()) {
        auto slash = path.find('/');
        auto part = path.substr(0, slash);
        std::string rest(slash == std::string_view::npos ? std::string_view{}
                                                         : path.substr(slash + 1));
        if (part.empty() || part == ".") {
            path = path.substr(slash == std::string_view::npos ? path.size() : slash + 1);
            continue;
        }
        if (part == "..") {
            at = std::string(parent_of(at));
            path = path.substr(slash == std::string_view::npos ? path.size() : slash + 1);
            continue;
        }
        auto next = join(at, part);
        auto node = nodes_.find(next);
        if (node != nodes_.end() && node->second.inode->kind == Kind::symlink) {
            if (links_left-- == 0) throw Error(fmt::format("too many symlinks at /{}", next));
            const auto& target = node->second.inode->target;
            auto from = target.starts_with('/') ? std::string{} : at;
            return resolve(join(join(from, target), rest), links_left);
        }
        at = std::move(next);
        path = path.substr(slash == std::string_view::npos ? path.size() : slash + 1);
    }
    return at;
}

std::string Tree::resolve_parent(std::string_view path) const {
    int links_left = max_links;
    auto parent = parent_of(path);
    // A directory of the tree has only directories above it: nothing to follow. Most often it is
    // so.
    auto known = nodes_.find(parent);
    if (known != nodes_.end() && known->second.inode->kind == Kind::directory)
        return std::string(path);
    return join(resolve(parent, links_left), path.substr(parent.empty() ? 0 : parent.size() + 1));
}

void Tree::make_parents(const std::string& path) {
    if (path.empty()) return;
    std::string parent(parent_of(path));
    auto node = nodes_.find(parent);
    if (node == nodes_.end()) {
        make_parents(parent);
        nodes_.emplace(parent, Node{std::make_shared<Inode>()});
    } else if (node->second.inode->kind != Kind::directory) {
        throw Error(fmt::format("/{} cannot hold /{}: it is no directory", parent, path));
    }
}

void Tree::erase_below(const std::string& path) {
    auto below = path + '/';
    auto first = nodes_.lower_bound(below);
    auto last = first;
    while (last != nodes_.end() && last->first.starts_with(below)) ++last;
    nodes_.erase(first, last);
}

void Tree::put(std::string_view path, InodePtr inode) {
    auto at = resolve_parent(path);
    make_parents(at);
    auto old = nodes_.find(at);
    if (old == nodes_.end()) {
        nodes_.emplace(std::move(at), Node{std::move(inode)});
        return;
    }
    if (inode->kind == Kind::directory && old->second.inode->kind == Kind::symlink) {
        int links_left = max_links;
        auto real = nodes_.find(resolve(at, links_left));
        if (real != nodes_.end() && real->second.inode->kind == Kind::directory) return;
    }
    if (inode->kind != Kind::directory) {
        if (at.empty()) throw Error("the root of the image has to be a directory");
        erase_below(at);
    }
    old->second = Node{std::move(inode)};
}

InodePtr Tree::find(std::string_view path) const {
    auto node = nodes_.find(resolve_parent(path));
    return node == nodes_.end() ? nullptr : node->second.inode;
}

bool Tree::remove(std::string_view path) {
    auto at = resolve_parent(path);
    if (at.empty()) throw Error("the root of the image cannot be removed");
    erase_below(at);
    return nodes_.erase(at) != 0;
}

void Tree::hide_all() {
    for (auto& [path, node] : nodes_) node.hidden = true;
}

} // namespace drupe::filetree
