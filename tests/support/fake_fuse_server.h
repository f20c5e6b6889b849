// SPDX-License-Identifier: BSD-2-Clause
// A FUSE server for tests: a tree in memory behind a device that answers at once. Written from the
// protocol and apart from the kernel's side. It counts what it is owed, and can spoil what it
// sends.
#pragma once

#include <support/fake_share.h>

#include <map>
#include <set>
#include <string>

namespace drupe::testing {

class FakeFuseServer final : public FakeShare {
public:
    struct Object {
        std::uint32_t mode = 0;
        std::string content{}; // or a link's target
        std::uint64_t changed = 1, links = 1;
        std::map<std::string, std::uint64_t> names{};    // a directory's
        std::map<std::string, std::string> attributes{}; // extended
        std::int64_t lookups = 0;
    };
    explicit FakeFuseServer(std::string tag) : FakeShare(std::move(tag)) {
        reset();
        share::Device::add(*this);
    }
    void reset() {
        nodes.clear();
        nodes[1] = {.mode = 040755};
        handles.clear();
        unknown.clear();
        asked.clear();
        spoil = nullptr;
        flags = ~0u;
        minor = 31;
        valid_seconds = 0;
        is_up = false;
    }

    std::map<std::uint64_t, Object> nodes;
    std::map<std::uint64_t, std::uint64_t> handles; // to nodes
    std::set<unsigned> unknown;                     // opcodes
    std::map<unsigned, unsigned> asked;             // how often, by opcode
    std::uint32_t flags = ~0u, minor = 31;
    std::uint64_t valid_seconds = 0;
    bool is_up = false;

    std::uint64_t node_at(const std::string& path) {
        std::uint64_t node = 1;
        for (std::size_t at = 1; at < path.size();) {
            const std::size_t end = std::min(path.find('/', at), path.size());
            const auto found = nodes[node].names.find(path.substr(at, end - at));
            if (found == nodes[node].names.end()) return 0;
            node = found->second;
            at = end + 1;
        }
        return node;
    }
    Object& at(const std::string& path) { return nodes.at(node_at(path)); }
    std::uint64_t add(const std::string& path, std::uint32_t mode, std::string content = {}) {
        const std::size_t slash = path.rfind('/');
        const std::uint64_t node = next_node_++;
        nodes[node] = {.mode = mode, .content = std::move(content)};
        at(path.substr(0, slash)).names[path.substr(slash + 1)] = node;
        return node;
    }
    std::int64_t lookups() const {
        std::int64_t sum = 0;
        for (const auto& [node, o] : nodes) sum += o.lookups;
        return sum;
    }

    share::Protocol protocol() const override { return share::Protocol::fuse; }

private:
    std::string reply_to_message() override {
        const std::uint64_t bytes = number(4);
        const auto opcode = static_cast<unsigned>(number(4));
        const std::uint64_t unique = number(8), node = number(8);
        at_ = 40;
        asked[opcode]++;
        const unsigned error = bytes != in_.size()        ? 22
                               : unknown.contains(opcode) ? 38
                                                          : answer(opcode, node);
        if (error != 0) out_.clear();
        const std::string body = std::move(out_);
        out_.clear();
        put(body.size() + 16, 4);
        put(0u - error, 4);
        put(unique, 8);
        return out_ + body;
    }
    std::string text() {
        const std::string found = in_.substr(std::min(at_, in_.size())).c_str();
        at_ += found.size() + 1;
        return found;
    }
    void put_attributes(std::uint64_t node) {
        const Object& o = nodes[node];
        put(node + 100, 8), put(o.content.size(), 8), put(8, 8);
        for (int i = 0; i < 3; i++) put(o.changed, 8);
        for (int i = 0; i < 3; i++) put(0, 4);
        put(o.mode, 4), put(o.links, 4), put(0, 4), put(0, 4), put(0, 4), put(4096, 4), put(0, 4);
    }
    unsigned put_entry(std::uint64_t node) {
        nodes[node].lookups++;
        put(node, 8), put(0, 8), put(valid_seconds, 8), put(valid_seconds, 8);
        put(0, 4), put(0, 4);
        put_attributes(node);
        return 0;
    }
    unsigned put_handle(std::uint64_t node) {
        handles[next_handle_] = node;
        put(next_handle_++, 8), put(0, 8);
        return 0;
    }
    unsigned make(Object& directory, const std::string& name, std::uint32_t mode,
                  const std::string& content = {}) {
        if (directory.names.contains(name)) return 17;
        const std::uint64_t node = next_node_++;
        directory.names[name] = node;
        nodes[node] = {.mode = mode, .content = content};
        return put_entry(node);
    }

    unsigned answer(unsigned opcode, std::uint64_t node) {
        if (opcode == 26) { // init
            is_up = true;
            number(12);
            put(7, 4), put(minor, 4), put(65536, 4), put(number(4) & flags, 4);
            put(0, 4), put(65536, 4), put(1, 4), put(16, 2);
            out_.resize(64);
            return 0;
        }
        if (!is_up) return 5;
        if (opcode == 38) return is_up = false, 0;
        if (!nodes.contains(node)) return 116;
        Object& o = nodes[node];
        switch (opcode) {
        case 2: o.lookups -= static_cast<std::int64_t>(number(8)); return 0;
        case 3: put(valid_seconds, 8), put(0, 8), put_attributes(node); return 0;
        case 4: return set(node, o);
        case 5: out_ = o.content; return 0;
        case 14:
        case 27: return put_handle(node);
        case 17:
            for (int i = 0; i < 5; i++) put(100, 8);
            put(4096, 4), put(255, 4), put(4096, 4);
            out_.resize(80);
            return 0;
        case 18:
        case 29: return handles.erase(number(8)) ? 0 : 9;
        case 21: {
            const std::uint64_t bytes = number(8) & 0xffffffff;
            const std::string name = text();
            o.attributes[name] = in_.substr(at_, bytes);
            return 0;
        }
        case 22: {
            const std::uint64_t room = number(8);
            const auto found = o.attributes.find(text());
            if (found == o.attributes.end()) return 61;
            if (room == 0) return put(found->second.size(), 8), 0;
            if (room < found->second.size()) return 34;
            out_ = found->second;
            return 0;
        }
        default: return (o.mode & 0170000) == 0040000 ? about_names(opcode, o) : about_data(opcode);
        }
    }

    unsigned set(std::uint64_t node, Object& o) {
        const std::uint64_t valid = number(8);
        number(8);
        const std::uint64_t size = number(8);
        at_ = 40 + 68;
        if (valid & 1) o.mode = (o.mode & 0170000) | (number(4) & 07777);
        if (valid & 8) o.content.resize(size);
        put(valid_seconds, 8), put(0, 8), put_attributes(node);
        return 0;
    }

    unsigned about_names(unsigned opcode, Object& o) {
        switch (opcode) {
        case 1: {
            const auto found = o.names.find(text());
            return found == o.names.end() ? 2 : put_entry(found->second);
        }
        case 6: {
            const std::string name = text();
            return make(o, name, 0120777, text());
        }
        case 8: {
            const auto mode = static_cast<std::uint32_t>(number(4));
            number(12);
            return make(o, text(), mode);
        }
        case 9: {
            const auto mode = static_cast<std::uint32_t>(number(4));
            number(4);
            return make(o, text(), mode | 0040000);
        }
        case 10:
        case 11: {
            const auto found = o.names.find(text());
            if (found == o.names.end()) return 2;
            if (opcode == 11 && !nodes[found->second].names.empty()) return 39;
            nodes[found->second].links--;
            o.names.erase(found);
            return 0;
        }
        case 12:
        case 45: return rename(opcode, o);
        case 13: {
            const std::uint64_t node = number(8);
            nodes[node].links++;
            o.names[text()] = node;
            return put_entry(node);
        }
        case 28: return list(o);
        case 30: return 0;
        case 35: {
            number(4);
            const auto mode = static_cast<std::uint32_t>(number(4));
            number(8);
            if (const unsigned error = make(o, text(), mode)) return error;
            return put_handle(next_node_ - 1);
        }
        default: return 95;
        }
    }

    unsigned rename(unsigned opcode, Object& from) {
        const std::uint64_t to = number(8);
        const bool is_exchange = opcode == 45 && (number(8) & 2) != 0;
        const std::string name = text(), other = text();
        if (!nodes.contains(to) || !from.names.contains(name)) return 2;
        std::uint64_t& target = nodes[to].names[other];
        if (is_exchange) return std::swap(from.names[name], target), 0;
        if (target != 0 && !nodes[target].names.empty()) return 39;
        if (target != 0) nodes[target].links--;
        target = from.names[name];
        from.names.erase(name);
        return 0;
    }

    unsigned list(const Object& o) {
        number(8);
        const std::uint64_t offset = number(8), room = number(4);
        std::uint64_t index = 0;
        for (const auto& [name, node] : o.names) {
            if (index++ < offset) continue;
            const std::size_t padded = (name.size() + 7) / 8 * 8;
            if (out_.size() + 24 + padded > room) break;
            put(node + 100, 8), put(index, 8), put(name.size(), 4), put(nodes[node].mode >> 12, 4);
            out_ += name;
            out_.append(padded - name.size(), '\0');
        }
        return 0;
    }

    unsigned about_data(unsigned opcode) {
        const auto handle = handles.find(number(8));
        if (handle == handles.end()) return 9;
        Object& o = nodes[handle->second];
        const std::uint64_t offset = number(8), count = number(4);
        switch (opcode) {
        case 15: out_ = offset < o.content.size() ? o.content.substr(offset, count) : ""; return 0;
        case 16:
            at_ = 40 + 40;
            if (o.content.size() < offset + count) o.content.resize(offset + count);
            o.content.replace(offset, count, in_.substr(at_, count));
            o.changed++;
            put(count, 8);
            return 0;
        case 20:
        case 25: return 0;
        case 43:
            o.content.resize(std::max<std::size_t>(o.content.size(), offset + count));
            return 0;
        case 46: put(count == 4 ? o.content.size() : offset, 8); return 0;
        default: return 95;
        }
    }

    std::uint64_t next_node_ = 10, next_handle_ = 1000;
};

} // namespace drupe::testing
