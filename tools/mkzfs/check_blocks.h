// SPDX-License-Identifier: BSD-2-Clause
// The part of the checker that goes through blocks: it reads every one, compares what pointers and
// dnodes say of them with what they are, and keeps account of the space they take.
#pragma once

#include "check.h"

#include "failure.h"

#include <drupe/zfs/pool.h>

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace drupe::mkzfs {

/// Collects what is wrong.
class Findings {
public:
    explicit Findings(CheckResult& result) : result_(result) {}
    template <class... Args>
    void error(fmt::format_string<Args...> format, Args&&... args) {
        if (++result_.error_count <= 100)
            result_.errors.push_back(fmt::format(format, std::forward<Args>(args)...));
    }
    void note(std::string text) { result_.notes.push_back(std::move(text)); }
    CheckResult& result() { return result_; }

private:
    CheckResult& result_;
};

/// A set of byte ranges.
class RangeSet {
public:
    /// False when a part of it was there already.
    bool add(std::uint64_t begin, std::uint64_t length);
    /// False when a part of it was missing.
    bool remove(std::uint64_t begin, std::uint64_t length);
    const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; } // begin, end
    std::uint64_t total() const;

private:
    std::map<std::uint64_t, std::uint64_t> ranges_;
};

class BlockChecker {
public:
    BlockChecker(zfs::Pool& pool, Findings& findings)
        : pool_(pool), findings_(findings), unit_(std::uint64_t{1} << pool.facts().ashift) {}

    /// Goes through an object set: all blocks born after `after` (older ones belong to an earlier
    /// snapshot, where they are seen). `what` names it in findings.
    void check_objset(const zfs::Blkptr& root, std::uint64_t after, const std::string& what);
    /// Counts the space of a block without reading it (one that only waits to be freed). False when
    /// something else has counted a part of it.
    bool claim(const zfs::Blkptr& bp, const std::string& what);
    /// Space of the intent log's chain.
    void claim_log(const zfs::Blkptr& first, const std::string& what);

    const RangeSet& claimed() const { return claimed_; }

private:
    struct Sum { // over a subtree
        std::uint64_t fill = 0, asize = 0;
    };
    Sum check_tree(const zfs::Blkptr& bp, const zfs::DnodePhys& d, unsigned level,
                   std::uint64_t index, const std::string& what);
    void check_dnode(zfs::Bytes raw, const std::string& what);
    std::uint64_t check_dnode_block(zfs::Bytes block, std::uint64_t first, const std::string& what);
    void check_gang(const zfs::Blkptr& bp, const zfs::Dva& dva, const std::string& what,
                    bool is_first);
    Sum check_indirect(const zfs::Blkptr& bp, const zfs::DnodePhys& d, std::uint64_t index,
                       const std::string& what);
    void check_pointer(const zfs::Blkptr& bp, const zfs::DnodePhys& d, unsigned level,
                       std::uint64_t index, const std::string& what);
    bool read(const zfs::Blkptr& bp, std::vector<std::byte>& out, const std::string& what);
    bool is_new(const zfs::Blkptr& bp) const { return bp.birth > after_; }

    zfs::Pool& pool_;
    Findings& findings_;
    std::uint64_t unit_, after_ = 0;
    unsigned gang_depth_ = 0;
    RangeSet claimed_;
    // Indirect blocks gone through, by place: snapshots share them, and in a damaged pool a few
    // that point to each other would seem to be endlessly many. What is below one that was not new
    // has still to be claimed by the snapshot to which it is.
    struct Known {
        Sum below;
        bool was_new = false;
    };
    std::unordered_map<std::uint64_t, Known> indirect_;
};

/// What the space maps say is allocated: metaslabs' own and, on pools that have them, the log.
RangeSet read_space_maps(zfs::Pool& pool, Findings& findings);

/// Goes through the files of a dataset (check_files.cc).
void check_files(zfs::Filesystem& fs, const std::string& what, Findings& findings);

} // namespace drupe::mkzfs
