// SPDX-License-Identifier: BSD-2-Clause
// An NVM Express controller for tests ([nvme] Base 1.4): registers, queues in memory, and disks
// that are bytes. It checks that the driver keeps to what the specification asks; it can be made to
// answer late, wrongly or not at all.
#pragma once

#include <drupe/arch/host/mmio.h>
#include <drupe/mm/frames.h>

#include <catch2/catch.hpp>

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace drupe::test {

class FakeNvme final : public arch::host::MmioWindow {
public:
    struct Command {
        std::uint8_t opcode, flags;
        std::uint16_t id;
        std::uint32_t name_space;
        std::uint64_t reserved, metadata, data[2];
        std::uint32_t words[6];
    };
    struct Held {
        unsigned queue;
        Command command;
    };
    struct Disk {
        unsigned block_shift = 9; // log2 of bytes
        unsigned metadata = 0;
        bool is_protected = false;
        std::string content = std::string(256 * 4096, 'd');
    };
    FakeNvme() : MmioWindow(0x4000) {}

    std::map<std::uint32_t, Disk> disks{{1, {}}};
    std::uint64_t capabilities = 0x0000'0020'0100'003f;
    unsigned queue_limit = 64;      // what it agrees to
    unsigned transfer_exponent = 7; // MDTS
    bool never_ready = false, holds = false, is_gone = false, has_cache = true;
    bool is_deaf = false;             // to administrative commands
    std::uint16_t admin_id_error = 0; // what it is off by
    std::uint16_t status = 0;         // of what it completes
    std::deque<Held> held;
    std::vector<unsigned> opcodes, queues; // of I/O commands, in order
    unsigned resets = 0, masks = 0, made_queues = 0, most_under_way = 0;
    bool is_enabled() const { return (configuration_ & 1) != 0; }

    /// Does what it has held back.
    void work() {
        while (!held.empty()) {
            const Held next = held.front();
            held.pop_front();
            complete(next.queue, next.command.id, perform(next.command));
        }
    }
    /// A completion of that command, whatever it is.
    void complete(unsigned queue, std::uint16_t id, std::uint16_t code, std::uint32_t result = 0) {
        Ring& ring = rings_.at(queue);
        struct Entry {
            std::uint32_t result, reserved;
            std::uint16_t head, queue, id, status;
        } entry{result, 0,
                0,      static_cast<std::uint16_t>(queue),
                id,     static_cast<std::uint16_t>(code << 1 | ring.phase)};
        std::memcpy(at(ring.completions + ring.next * sizeof entry), &entry, sizeof entry);
        if (++ring.next == ring.size) ring.next = 0, ring.phase ^= 1;
    }

    std::uint64_t read(std::size_t offset, unsigned width) override {
        CHECK(width == 4);
        if (is_gone) return 0xffff'ffff;
        switch (offset) {
        case 0x00: return capabilities & 0xffff'ffff;
        case 0x04: return capabilities >> 32;
        case 0x14: return configuration_;
        case 0x1c: return is_enabled() && !never_ready;
        default: return 0;
        }
    }
    void write(std::size_t offset, unsigned width, std::uint64_t value) override {
        CHECK(width == 4);
        const auto word = static_cast<std::uint32_t>(value);
        if (offset == 0x0c) masks |= word;
        if (offset == 0x10) masks &= ~word;
        if (offset >= 0x24 && offset < 0x38) {
            CHECK(!is_enabled());
            admin_[(offset - 0x24) / 4] = word;
        }
        if (offset == 0x14) configure(word);
        if (offset >= 0x1000 && offset < 0x3000)
            bell(static_cast<unsigned>(offset - 0x1000) / 4, word);
    }

private:
    struct Ring {
        std::uint64_t commands = 0, completions = 0;
        std::uint32_t size = 0, head = 0, next = 0, phase = 1;
    };
    static char* at(std::uint64_t address) {
        return static_cast<char*>(mm::phys_to_virt(PhysAddr{address}));
    }
    std::uint64_t admin_address(unsigned n) const {
        return admin_[n] | std::uint64_t{admin_[n + 1]} << 32;
    }
    void configure(std::uint32_t value) {
        const bool was = is_enabled();
        configuration_ = value;
        if (is_enabled() && !was) {
            CHECK((value >> 16 & 0xff) == 0x46); // sizes of entries
            CHECK((value >> 4 & 0x7f) == 0);     // commands for blocks, pages of 4096
            CHECK(admin_[0] == 0x001f001f);
            rings_[0] = {admin_address(1), admin_address(3), 32};
            check_fresh(rings_[0]);
        }
        if (was && !is_enabled()) {
            resets++;
            rings_.clear();
            held.clear();
            masks = 0;
        }
    }
    void check_fresh(const Ring& ring) {
        CHECK(ring.commands % 4096 == 0);
        CHECK(ring.completions % 4096 == 0);
        for (unsigned i = 0; i < ring.size * 16; i++) CHECK(at(ring.completions)[i] == 0);
    }
    void bell(unsigned n, std::uint32_t value) {
        REQUIRE(is_enabled());
        const unsigned queue = n / 2;
        Ring& ring = rings_.at(queue);
        REQUIRE(value < ring.size);
        if (n % 2) return;
        while (ring.head != value) {
            Command command;
            std::memcpy(&command, at(ring.commands + ring.head * sizeof command), sizeof command);
            ring.head = (ring.head + 1) % ring.size;
            if (queue == 0) {
                administer(command);
                continue;
            }
            opcodes.push_back(command.opcode);
            queues.push_back(queue);
            held.push_back({queue, command});
            most_under_way = std::max(most_under_way, static_cast<unsigned>(held.size()));
        }
        if (queue != 0 && !holds) work();
    }
    void administer(const Command& c) {
        if (is_deaf) return;
        const unsigned id = c.words[0] & 0xffff;
        std::uint32_t result = 0;
        switch (c.opcode) {
        case 0x01:
            CHECK((c.words[1] & 1) == 1);
            CHECK(c.words[1] >> 16 == id);
            rings_.at(id).commands = c.data[0];
            check_fresh(rings_[id]);
            made_queues++;
            break;
        case 0x05:
            CHECK((c.words[1] & 3) == 3);
            CHECK(c.words[0] >> 16 == 31);
            rings_[id] = {0, c.data[0], 32};
            break;
        case 0x06: identify(c); break;
        case 0x09:
            CHECK(c.words[0] == 7);
            result = (queue_limit - 1) * 0x10001;
            break;
        default: FAIL("administrative command");
        }
        complete(0, static_cast<std::uint16_t>(c.id + admin_id_error), 0, result);
    }
    void identify(const Command& c) {
        char* const page = at(c.data[0]);
        CHECK(c.data[0] % 4096 == 0);
        std::memset(page, 0, 4096);
        if (c.words[0] == 1) {
            page[77] = static_cast<char>(transfer_exponent);
            page[520] = 0x0c;
            page[525] = has_cache;
        } else if (c.words[0] == 2) {
            std::size_t count = 0;
            for (const auto& [id, disk] : disks) {
                std::memcpy(page + count * 4, &id, 4);
                count++;
            }
        } else {
            const Disk& disk = disks.at(c.name_space);
            const std::uint64_t blocks = disk.content.size() >> disk.block_shift;
            const std::uint32_t format = disk.block_shift << 16 | disk.metadata;
            std::memcpy(page, &blocks, 8);
            page[26] = 2; // the format of several that counts
            std::memcpy(page + 128 + 8, &format, 4);
            page[99] = disk.is_protected;
        }
    }
    /// The pages a command names, the first from where it begins.
    static std::vector<std::uint64_t> pages(const Command& c, std::size_t bytes) {
        std::vector<std::uint64_t> found{c.data[0]};
        const std::size_t first = 4096 - c.data[0] % 4096;
        const std::size_t more = bytes <= first ? 0 : (bytes - first + 4095) / 4096;
        CHECK(c.data[1] % 8 == 0);
        if (more == 1) found.push_back(c.data[1]);
        for (std::size_t i = 0; more > 1 && i < more; i++) {
            std::uint64_t entry;
            std::memcpy(&entry, at(c.data[1] + i * 8), 8);
            found.push_back(entry);
        }
        for (std::size_t i = 1; i < found.size(); i++) CHECK(found[i] % 4096 == 0);
        return found;
    }
    std::uint16_t perform(const Command& c) {
        if (status != 0) return status;
        Disk& disk = disks.at(c.name_space);
        std::size_t from = (c.words[0] | std::uint64_t{c.words[1]} << 32) << disk.block_shift;
        std::size_t bytes = ((c.words[2] & 0xffff) + 1ull) << disk.block_shift;
        if (c.opcode == 0) return 0;
        if (c.opcode == 9) {
            CHECK((c.words[0] == 0 && c.words[1] == 4)); // one range, to be deallocated
            std::uint64_t range[2];
            std::memcpy(range, at(c.data[0]), 16);
            from = range[1] << disk.block_shift, bytes = (range[0] >> 32) << disk.block_shift;
        }
        REQUIRE(from + bytes <= disk.content.size());
        char* const to = &disk.content[from];
        if (c.opcode == 8 || c.opcode == 9) return std::memset(to, 0, bytes), 0;
        std::size_t done = 0;
        for (const std::uint64_t page : pages(c, bytes)) {
            const std::size_t piece = std::min<std::size_t>(bytes - done, 4096 - page % 4096);
            if (c.opcode == 1) std::memcpy(to + done, at(page), piece);
            if (c.opcode == 2) std::memcpy(at(page), to + done, piece);
            done += piece;
        }
        CHECK(done == bytes);
        return 0;
    }

    std::uint32_t configuration_ = 0, admin_[5] = {};
    std::map<unsigned, Ring> rings_;
};

} // namespace drupe::test
