// SPDX-License-Identifier: BSD-2-Clause
// A 9P server for tests: a tree in memory behind a device that answers at once. Written from the
// protocol and apart from the kernel's side. It can spoil what it sends.
#pragma once

#include <support/fake_share.h>

#include <map>
#include <string>

namespace drupe::testing {

class FakeP9Server final : public FakeShare {
public:
    struct Object {
        std::uint64_t ino = 0;
        std::uint32_t mode = 0;
        std::string content; // or a link's target
        std::uint64_t changed = 1;
    };
    explicit FakeP9Server(std::string tag) : FakeShare(std::move(tag)) {
        objects[""] = {next_ino_++, 040755, "", 1};
        share::Device::add(*this);
    }

    std::map<std::string, Object> objects; // by path: "", "/a", "/a/b"
    std::map<std::uint32_t, std::string> fids;
    unsigned requests = 0;

    share::Protocol protocol() const override { return share::Protocol::ninep; }

private:
    std::string reply_to_message() override {
        requests++;
        at_ = 4;
        const auto type = static_cast<std::uint8_t>(number(1));
        const std::uint64_t tag = number(2);
        const unsigned error = answer(type);
        if (error != 0) {
            out_.clear();
            put(error, 4);
        }
        const std::string body = std::move(out_);
        out_.clear();
        put(body.size() + 7, 4);
        put(error != 0 ? 7 : type + 1u, 1);
        put(tag, 2);
        return out_ + body;
    }
    std::string text() {
        const std::size_t length = number(2);
        const std::string found = in_.substr(std::min(at_, in_.size()), length);
        at_ += length;
        return found;
    }
    void put_text(const std::string& text) {
        put(text.size(), 2);
        out_ += text;
    }
    void put_qid(const Object& o) {
        const std::uint32_t kind = o.mode & 0170000;
        put(kind == 0040000 ? 0x80 : kind == 0120000 ? 2 : 0, 1);
        put(0, 4);
        put(o.ino, 8);
    }
    Object* find(const std::string& path) {
        const auto at = objects.find(path);
        return at == objects.end() ? nullptr : &at->second;
    }
    Object* of_fid(std::uint32_t fid) {
        const auto at = fids.find(fid);
        return at == fids.end() ? nullptr : find(at->second);
    }
    unsigned make(const std::string& path, std::uint32_t mode, const std::string& content) {
        if (find(path)) return 17;
        objects[path] = {next_ino_++, mode, content, 1};
        put_qid(objects[path]);
        return 0;
    }
    bool has_children(const std::string& path) {
        const auto next = objects.lower_bound(path + "/");
        return next != objects.end() && next->first.starts_with(path + "/");
    }

    unsigned answer(std::uint8_t type) {
        switch (type) {
        case 100: put(number(4), 4), put_text(text()); return 0;
        case 104: {
            fids[static_cast<std::uint32_t>(number(4))] = "";
            put_qid(objects[""]);
            return 0;
        }
        case 110: return walk();
        case 120: return fids.erase(static_cast<std::uint32_t>(number(4))) ? 0 : 9;
        case 8:
            put(0x01021997, 4), put(4096, 4);
            for (int i = 0; i < 6; i++) put(100, 8);
            put(255, 4);
            return 0;
        default: break;
        }
        const auto fid = static_cast<std::uint32_t>(number(4));
        Object* const object = of_fid(fid);
        if (!object) return fids.contains(fid) ? 2 : 9;
        const std::string path = fids[fid];
        return answer_about(type, fid, path, *object);
    }

    unsigned walk() {
        const auto from = static_cast<std::uint32_t>(number(4));
        const auto to = static_cast<std::uint32_t>(number(4));
        const std::uint64_t names = number(2);
        if (!fids.contains(from) || fids.contains(to)) return 9;
        std::string path = fids[from];
        put(names, 2);
        for (std::uint64_t i = 0; i < names; i++) {
            path += "/" + text();
            if (!find(path)) return 2;
            put_qid(*find(path));
        }
        fids[to] = path;
        return 0;
    }

    unsigned answer_about(std::uint8_t type, std::uint32_t fid, const std::string& path,
                          Object& o) {
        switch (type) {
        case 12: put_qid(o), put(0, 4); return 0;
        case 14: { // create
            const std::string made = path + "/" + text();
            number(4);
            if (const unsigned error =
                    make(made, static_cast<std::uint32_t>(number(4)) | 0100000, ""))
                return error;
            fids[fid] = made;
            put(0, 4);
            return 0;
        }
        case 16: {
            const std::string name = text();
            return make(path + "/" + name, 0120777, text());
        }
        case 22: put_text(o.content); return 0;
        case 24: put_attributes(o); return 0;
        case 26: return set(o);
        case 40: return list(path);
        case 50: return 0;
        case 72: {
            const std::string name = text();
            return make(path + "/" + name, static_cast<std::uint32_t>(number(4)) | 0040000, "");
        }
        case 74: return rename(path);
        case 76: {
            const std::string gone = path + "/" + text();
            if (!find(gone)) return 2;
            if (number(4) != 0 && has_children(gone)) return 39;
            objects.erase(gone);
            return 0;
        }
        case 116: {
            const std::uint64_t offset = number(8), count = number(4);
            const std::string got =
                offset < o.content.size() ? o.content.substr(offset, count) : std::string();
            put(got.size(), 4);
            out_ += got;
            return 0;
        }
        case 118: {
            const std::uint64_t offset = number(8), count = number(4);
            if (o.content.size() < offset + count) o.content.resize(offset + count);
            o.content.replace(offset, count, in_.substr(at_, count));
            o.changed++;
            put(count, 4);
            return 0;
        }
        default: return 95;
        }
    }

    void put_attributes(const Object& o) {
        put(0x7ff, 8);
        put_qid(o);
        put(o.mode, 4), put(0, 4), put(0, 4), put(1, 8), put(0, 8);
        put(o.content.size(), 8), put(4096, 8), put(1, 8);
        for (int i = 0; i < 4; i++) put(o.changed, 8), put(0, 8);
        put(0, 8), put(0, 8);
    }
    unsigned set(Object& o) {
        const std::uint64_t valid = number(4), mode = number(4);
        number(8);
        const std::uint64_t size = number(8);
        if (valid & 1) o.mode = static_cast<std::uint32_t>(mode);
        if (valid & 8) o.content.resize(size);
        return 0;
    }
    unsigned list(const std::string& path) {
        const std::uint64_t offset = number(8), room = number(4);
        std::string saved = std::move(out_);
        out_.clear();
        std::uint64_t index = 0;
        for (const auto& [where, o] : objects) {
            if (!where.starts_with(path + "/") || where.find('/', path.size() + 1) != where.npos)
                continue;
            if (index++ < offset) continue;
            const std::string name = where.substr(path.size() + 1);
            if (out_.size() + 24 + name.size() > room) break;
            put_qid(o), put(index, 8), put(o.mode >> 12, 1), put_text(name);
        }
        std::string entries = std::move(out_);
        out_ = std::move(saved);
        put(entries.size(), 4);
        out_ += entries;
        return 0;
    }
    unsigned rename(const std::string& path) {
        const std::string from = path + "/" + text();
        const auto to_fid = static_cast<std::uint32_t>(number(4));
        if (!fids.contains(to_fid) || !find(from)) return 2;
        const std::string to = fids[to_fid] + "/" + text();
        if (find(to) && has_children(to)) return 39;
        std::map<std::string, Object> moved;
        for (auto& [where, o] : objects)
            if (where == from || where.starts_with(from + "/"))
                moved[to + where.substr(from.size())] = o;
        std::erase_if(objects, [&](const auto& entry) {
            return entry.first == from || entry.first.starts_with(from + "/");
        });
        for (auto& [where, o] : moved) objects[where] = o;
        for (auto& [number, where] : fids)
            if (where == from || where.starts_with(from + "/"))
                where = to + where.substr(from.size());
        return 0;
    }

    std::uint64_t next_ino_ = 10;
};

} // namespace drupe::testing
