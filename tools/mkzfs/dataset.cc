// SPDX-License-Identifier: BSD-2-Clause
#include "dataset.h"

#include "failure.h"

#include <filetree/host_file.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace drupe::mkzfs {

using filetree::Inode;
using filetree::Kind;
using zfs::Blkptr;
using zfs::DnodePhys;
using zfs::ObjectType;

namespace {

constexpr std::uint64_t job_bytes = 1024 * 1024;
constexpr std::size_t job_segments = 256;
constexpr std::uint64_t sparse_probe_size = 8 * 1024 * 1024; // larger files are asked for holes
constexpr unsigned min_levels = 6; // of a dataset's dnode array, so that it never has to grow one

// Fixed objects of a dataset; files follow.
enum : std::uint64_t {
    master_node = 1,
    sa_master,
    delete_queue,
    sa_registry,
    sa_layouts,
    first_file
};

constexpr std::uint64_t flag_acl_trivial = 0x4, flag_no_execs_denied = 0x100;
constexpr std::uint64_t flag_archive = 0x800000000, flag_av_modified = 0x40000000000;

// The smallest indirect block that holds all pointers of a file, or the largest kind.
unsigned indirect_shift_for(std::uint64_t blocks) {
    unsigned shift = 12;
    while (shift < 17 && (blocks << zfs::blkptr_shift) > (std::uint64_t{1} << shift)) ++shift;
    return shift;
}

// Cuts the nodes into jobs. Not thread-safe: called under the pipeline's lock.
class JobSource {
public:
    JobSource(const NodeList& nodes, std::size_t record_size)
        : nodes_(nodes), record_size_(record_size) {}

    /// False when nothing is left.
    bool fill(Job& job) {
        job.clear();
        while (node_ < nodes_.nodes.size() && job.bytes < job_bytes &&
               job.segments.size() < job_segments)
            add_segment(job);
        job.number = next_;
        if (job.segments.empty()) return false;
        ++next_;
        return true;
    }

private:
    void add_segment(Job& job) {
        const Inode& inode = *nodes_.nodes[node_].inode;
        Segment s;
        s.node = static_cast<std::uint32_t>(node_);
        if (inode.kind == Kind::file) {
            std::uint64_t blocks = file_block_count(inode.size, record_size_);
            if (inode.size > sparse_probe_size) skip_hole(inode);
            s.first = std::min(block_, blocks);
            std::uint64_t room = std::max<std::uint64_t>(1, (job_bytes - job.bytes) / record_size_);
            s.count = std::min(blocks - s.first, room);
            block_ = s.first + s.count;
            s.ends_node = block_ >= blocks;
            job.bytes += std::min(inode.size, s.count * record_size_);
        } else {
            s.ends_node = true;
            if (nodes_.nodes[node_].directory != Node::none)
                job.bytes += 64 * nodes_.directories[nodes_.nodes[node_].directory].entries.size();
        }
        if (s.ends_node) {
            ++node_;
            block_ = 0;
        }
        job.segments.push_back(std::move(s));
    }

    // Moves to the next block with data in it, as far as the host's file system knows.
    void skip_hole(const Inode& inode) {
        std::uint64_t at = filetree::HostFile(inode.source).next_data(block_ * record_size_);
        block_ = std::max(block_, std::min(at, inode.size) / record_size_);
        if (at >= inode.size) block_ = file_block_count(inode.size, record_size_);
    }

    const NodeList& nodes_;
    std::size_t record_size_;
    std::size_t node_ = 0;
    std::uint64_t block_ = 0, next_ = 0;
};

// Gives the blocks of finished jobs their places and writes the structure above them. Called in the
// order of the jobs.
class Committer {
public:
    Committer(const DatasetSettings& dataset, const NodeList& nodes, BlockWriter& writer,
              const Encoding& metadata, ObjsetWriter& objset)
        : dataset_(dataset), nodes_(nodes), writer_(writer), metadata_(metadata), objset_(objset) {}

    /// Appends to `places` where the job's blocks go.
    void commit(Job& job, std::vector<std::uint64_t>& places) {
        // All of the job's blocks first: they end up side by side and are written at once.
        pointers_.clear();
        for (const Segment& s : job.segments) {
            ObjectType type = type_of(s.node);
            bool data = type == ObjectType::plain_file_contents;
            for (std::size_t i = s.blocks_begin; i < s.blocks_end; ++i) {
                const BlockOut& b = job.blocks[i];
                if (b.is_embedded) {
                    places.push_back(0);
                    pointers_.push_back(zfs::embedded_blkptr(
                        type, b.lsize, b.compress, {&job.embedded[b.at], b.psize}, writer_.txg()));
                    continue;
                }
                std::uint64_t at = writer_.space().allocate(b.psize);
                places.push_back(at);
                pointers_.push_back(
                    writer_.pointer({type, 0, b.lsize, b.psize, b.compress,
                                     data ? dataset_.data.checksum : metadata_.checksum},
                                    at, b.cksum, 1));
            }
        }
        for (Segment& s : job.segments) commit_segment(job, s);
    }

private:
    ObjectType type_of(std::uint32_t node) const {
        return nodes_.nodes[node].inode->kind == Kind::directory ? ObjectType::directory_contents
                                                                 : ObjectType::plain_file_contents;
    }

    void begin(const Segment& s) {
        const Inode& inode = *nodes_.nodes[s.node].inode;
        std::size_t size = zfs::sector_size;
        std::uint64_t blocks = 0;
        if (inode.kind == Kind::file) {
            size = file_block_size(inode.size, dataset_.record_size);
            blocks = file_block_count(inode.size, dataset_.record_size);
        } else if (inode.kind == Kind::directory) {
            size = s.block_size;
            blocks = s.total_blocks;
        }
        dnode_ = std::make_unique<DnodePhys>(
            make_dnode(type_of(s.node), size, blocks, 1, indirect_shift_for(blocks)));
        tree_ = std::make_unique<IndirectBuilder>(writer_, metadata_, *dnode_);
    }

    void commit_segment(Job& job, Segment& s) {
        if (!dnode_) begin(s);
        for (std::size_t i = s.blocks_begin; i < s.blocks_end; ++i) {
            tree_->count(pointers_[i]);
            tree_->add(job.blocks[i].index, pointers_[i]);
        }
        if (!s.ends_node) return;
        tree_->finish();
        objset_.totals() += tree_->totals();
        add_attributes(s);
        objset_.put(nodes_.object_of(s.node), *dnode_);
        tree_.reset();
        dnode_.reset();
    }

    void add_attributes(const Segment& s) {
        const Node& node = nodes_.nodes[s.node];
        const Inode& inode = *node.inode;
        zfs::ZplAttrs a;
        a.mode = mode_of(inode);
        a.size = inode.size;
        a.links = node.links;
        if (inode.kind == Kind::directory) {
            const Directory& d = nodes_.directories[node.directory];
            a.size = d.entries.size() + 2;
            a.links = d.subdirectories + 2;
        } else if (inode.kind == Kind::symlink) {
            a.symlink = zfs::bytes_of(inode.target);
            a.size = inode.target.size();
        } else if (inode.kind != Kind::file) {
            a.rdev = std::uint64_t{inode.major} << 20 | inode.minor;
        }
        a.gen = writer_.txg();
        a.uid = inode.owner.uid;
        a.gid = inode.owner.gid;
        a.parent = node.parent;
        a.flags = flag_acl_trivial;
        if ((inode.mode & 0111) == 0111) a.flags |= flag_no_execs_denied;
        if (inode.kind == Kind::file) a.flags |= flag_archive | flag_av_modified;
        a.mtime = {static_cast<std::uint64_t>(inode.mtime), inode.mtime_nanoseconds};
        a.atime = a.ctime = a.crtime = a.mtime;
        a.dxattr = s.dxattr.span();
        finish_dnode(a, *node.path);
    }

    void finish_dnode(const zfs::ZplAttrs& a, const std::string& path) {
        std::byte bonus[zfs::bonus_size] = {};
        zfs::EncodedAttributes done = must(zfs::encode_attributes(a, bonus, spill_), "/" + path);
        dnode_->bonustype = ObjectType::sa;
        dnode_->bonuslen = static_cast<std::uint16_t>(done.bonus_length);
        std::memcpy(dnode_->bonus(), bonus, done.bonus_length);
        if (done.spill_length == 0) return;
        must(spill_.resize(zfs::round_up(done.spill_length, zfs::sector_size)), "a spill block");
        Totals spilled;
        Blkptr bp = writer_.write(ObjectType::sa, 0, metadata_, spill_.span(), 1, spilled);
        spill_.clear();
        dnode_->flags |= zfs::dnode_flag_spill_blkptr;
        dnode_->used += spilled.asize;
        objset_.totals() += spilled;
        zfs::store(reinterpret_cast<std::byte*>(dnode_.get()) + zfs::dnode_size - sizeof bp, bp);
    }

    const DatasetSettings& dataset_;
    const NodeList& nodes_;
    BlockWriter& writer_;
    const Encoding& metadata_;
    ObjsetWriter& objset_;
    std::vector<Blkptr> pointers_;
    std::unique_ptr<DnodePhys> dnode_; // of the node being committed
    std::unique_ptr<IndirectBuilder> tree_;
    zfs::Buffer spill_;
};

// Threads take jobs, encode them, and whoever finishes the one that is next commits all that are
// ready. A bounded number of job buffers is the back pressure; the oldest job always has one.
class Pipeline {
public:
    Pipeline(const DatasetSettings& dataset, const NodeList& nodes, BlockWriter& writer,
             const Encoding& metadata, ObjsetWriter& objset, const Progress& progress)
        : dataset_(dataset), nodes_(nodes), writer_(writer), metadata_(metadata),
          source_(nodes, dataset.record_size), committer_(dataset, nodes, writer, metadata, objset),
          progress_(progress) {}

    void run(unsigned threads) {
        for (unsigned i = 0; i < 2 * threads + 1; ++i) free_.push_back(std::make_unique<Job>());
        std::vector<std::thread> pool;
        for (unsigned i = 1; i < threads; ++i) pool.emplace_back([this] { work(); });
        work();
        for (std::thread& t : pool) t.join();
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    using JobPtr = std::unique_ptr<Job>;
    struct Placed {
        JobPtr job;
        std::vector<std::uint64_t> places;
    };

    void work() {
        try {
            Encoder encoder{nodes_, dataset_, metadata_, writer_.space().ashift(),
                            writer_.codecs()};
            while (JobPtr job = take()) {
                encoder.run(*job);
                std::vector<Placed> placed = commit(std::move(job));
                for (Placed& p : placed) write_blocks(p);
                give_back(placed);
            }
        } catch (...) {
            std::lock_guard lock{mutex_};
            if (!failure_) failure_ = std::current_exception();
            freed_.notify_all();
        }
    }

    JobPtr take() {
        std::unique_lock lock{mutex_};
        freed_.wait(lock, [&] { return failure_ || drained_ || !free_.empty(); });
        if (failure_ || drained_) return nullptr;
        JobPtr job = std::move(free_.back());
        free_.pop_back();
        if (source_.fill(*job)) return job;
        drained_ = true;
        freed_.notify_all();
        return nullptr;
    }

    std::vector<Placed> commit(JobPtr job) {
        std::vector<Placed> placed;
        std::lock_guard lock{mutex_};
        ready_.emplace(job->number, std::move(job));
        while (!failure_ && !ready_.empty() && ready_.begin()->first == next_commit_) {
            Placed& p = placed.emplace_back();
            p.job = std::move(ready_.begin()->second);
            ready_.erase(ready_.begin());
            ++next_commit_;
            committer_.commit(*p.job, p.places);
            done_ += p.job->bytes;
            if (progress_) progress_(done_);
        }
        return placed;
    }

    // Neighbours in the buffer that are neighbours on the image go out in one write.
    void write_blocks(const Placed& p) {
        const std::vector<BlockOut>& blocks = p.job->blocks;
        const Allocator& space = writer_.space();
        for (std::size_t i = 0; i < blocks.size();) {
            if (blocks[i].is_embedded) {
                ++i;
                continue;
            }
            std::uint64_t begin = p.places[i], length = space.round(blocks[i].psize);
            std::size_t at = blocks[i].at;
            for (++i; i < blocks.size(); ++i) {
                if (blocks[i].is_embedded) continue;
                if (p.places[i] != begin + length || blocks[i].at != at + length) break;
                length += space.round(blocks[i].psize);
            }
            writer_.output().write(zfs::label_start_size + begin, {&p.job->out[at], length});
        }
    }

    void give_back(std::vector<Placed>& placed) {
        std::lock_guard lock{mutex_};
        for (Placed& p : placed) free_.push_back(std::move(p.job));
        freed_.notify_all();
    }

    const DatasetSettings& dataset_;
    const NodeList& nodes_;
    BlockWriter& writer_;
    const Encoding& metadata_;
    JobSource source_;
    Committer committer_;
    const Progress& progress_;

    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<JobPtr> free_;
    std::map<std::uint64_t, JobPtr> ready_;
    std::uint64_t next_commit_ = 0, done_ = 0;
    bool drained_ = false;
    std::exception_ptr failure_;
};

// The objects every dataset begins with.
class FixedObjects {
public:
    FixedObjects(BlockWriter& writer, const Encoding& metadata, ObjsetWriter& objset)
        : writer_(writer), metadata_(metadata), objset_(objset) {}

    void write() {
        zfs::ZapItem master[] = {
            {"VERSION", 5},         {"normalization", 0},    {"utf8only", 0},
            {"casesensitivity", 0}, {"SA_ATTRS", sa_master}, {"DELETE_QUEUE", delete_queue},
            {"ROOT", first_file},
        };
        zfs::ZapItem sa[] = {{"REGISTRY", sa_registry}, {"LAYOUTS", sa_layouts}};
        put(master_node, ObjectType::master_node, zfs::build_zap(master, 1));
        put(sa_master, ObjectType::sa_master_node, zfs::build_zap(sa, 1));
        put(delete_queue, ObjectType::unlinked_set, zfs::build_zap({}, 1));
        put(sa_registry, ObjectType::sa_attr_registration, zfs::build_sa_registry(1));
        put(sa_layouts, ObjectType::sa_attr_layouts, zfs::build_sa_layouts(1));
    }

private:
    void put(std::uint64_t object, ObjectType type, Result<zfs::ZapImage> built) {
        zfs::ZapImage image = must(std::move(built), "a table");
        std::uint64_t blocks = image.blocks.size() / image.block_size;
        DnodePhys dnode = make_dnode(type, image.block_size, blocks, 3, indirect_shift_for(blocks));
        IndirectBuilder tree{writer_, metadata_, dnode};
        for (std::uint64_t i = 0; i < blocks; ++i) {
            zfs::Bytes block{&image.blocks[i * image.block_size], image.block_size};
            Totals one;
            Blkptr bp = writer_.write(type, 0, metadata_, block, 1, one);
            tree.count(bp);
            tree.add(i, bp);
        }
        tree.finish();
        objset_.totals() += tree.totals();
        objset_.put(object, dnode);
    }

    BlockWriter& writer_;
    const Encoding& metadata_;
    ObjsetWriter& objset_;
};

} // namespace

WrittenDataset write_dataset(const DatasetSettings& dataset, BlockWriter& writer,
                             const Encoding& metadata, unsigned threads, const Progress& progress) {
    NodeList nodes = number_nodes(dataset.tree, first_file);
    ObjsetWriter objset{writer, metadata, zfs::ObjsetType::zfs, min_levels};
    FixedObjects{writer, metadata, objset}.write();
    Pipeline{dataset, nodes, writer, metadata, objset, progress}.run(std::max(1u, threads));
    WrittenDataset written;
    written.root = objset.finish();
    written.totals = objset.totals();
    written.objects = objset.objects();
    for (const Node& n : nodes.nodes) {
        written.newest = std::max(written.newest, n.inode->mtime);
        if (n.inode->kind != Kind::file) continue;
        ++written.files;
        written.bytes += n.inode->size;
    }
    return written;
}

} // namespace drupe::mkzfs
