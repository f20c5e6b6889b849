// SPDX-License-Identifier: BSD-2-Clause
#include "devices.h"

#include <drupe/devfs/devfs.h>
#include <drupe/ramfs/ramfs.h>
#include <drupe/vfs/context.h>
#include <drupe/vfs/device_file.h>
#include <drupe/vfs/inode.h>
#include <drupe/vfs/operations.h>

namespace drupe::devfs {

using namespace vfs;

namespace {

/// Where devices that come later get their node; holds a reference.
constinit FileSystem* latest = nullptr;

/// Makes nodes as user 0, with the modes as they are given.
class Maker {
public:
    static Result<void> run(FileSystem& fs, Result<void> (*make)(Maker&)) {
        RefPtr<FsContext> context = TRY(FsContext::create(fs.root()));
        context->set_umask(0);
        Maker maker(*context);
        return make(maker);
    }
    Result<void> node(const DeviceFile& device) {
        TRY(make_node(who_, nullptr, device.name, device.kind | device.mode,
                      make_device(device.major, device.minor)));
        return device.alias ? alias(device) : Result<void>{};
    }
    Result<void> link(const char* name, const char* target) {
        return make_symlink(who_, target, nullptr, name);
    }
    Result<void> directory(const char* name, std::uint32_t mode) {
        TRY(make_directory(who_, nullptr, name, mode));
        return {};
    }

private:
    /// One that is there already stays: the first device with a name has it.
    Result<void> alias(const DeviceFile& device) {
        const std::string_view path = device.alias;
        char folder[32] = {}, target[40] = "../";
        path.substr(0, path.find('/')).copy(folder, sizeof folder - 1);
        std::string_view(device.name).copy(target + 3, sizeof target - 4);
        const Result<void> made = directory(folder, 0755);
        if (!made.ok() && made.error() != Errc::exists) return made;
        const Result<void> linked = link(device.alias, target);
        return !linked.ok() && linked.error() == Errc::exists ? Result<void>{} : linked;
    }
    explicit Maker(FsContext& context) { who_.fs = &context; }
    TaskContext who_;
};

Result<void> fill(Maker& maker) {
    for (DeviceFile* device = first_device_file(); device; device = device->next)
        TRY(maker.node(*device));
    TRY(maker.link("fd", "/proc/self/fd"));
    TRY(maker.link("stdin", "/proc/self/fd/0"));
    TRY(maker.link("stdout", "/proc/self/fd/1"));
    TRY(maker.link("stderr", "/proc/self/fd/2"));
    TRY(maker.directory("shm", 01777));
    return {};
}

constinit DeviceFile* newcomer = nullptr;

/// A node that cannot be made for lack of memory is left out; the device works through others.
void on_device(DeviceFile& device) {
    if (!latest) return;
    newcomer = &device;
    (void)Maker::run(*latest, [](Maker& maker) { return maker.node(*newcomer); });
}

Result<RefPtr<FileSystem>> create_for_mount(const MountRequest&) { return create(); }
constinit FileSystemType type{"devtmpfs", false, create_for_mount};

} // namespace

Result<RefPtr<FileSystem>> create() {
    RefPtr<FileSystem> fs = TRY(ramfs::create({.mode = 0755, .type = "devtmpfs"}));
    TRY(Maker::run(*fs, fill));
    FileSystem* before = std::exchange(latest, RefPtr<FileSystem>(fs).leak());
    if (before) before->release();
    return fs;
}

void register_types() {
    register_memory_devices();
    set_device_file_listener(on_device);
    register_file_system(type);
}

} // namespace drupe::devfs
