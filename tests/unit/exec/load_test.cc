// SPDX-License-Identifier: BSD-2-Clause
// Whole programs from files in memory into a real address space, looked at through the model CPU.
#include <drupe/arch/host/machine.h>
#include <drupe/exec/load.h>
#include <support/elf_builder.h>
#include <support/file_world.h>

#include <catch2/catch.hpp>

#include <memory>

using namespace drupe;
using namespace drupe::exec;
using arch::host::Mmu;
using arch::host::MmuAccess;
using arch::host::MmuOutcome;
using test::ElfBuilder;

namespace {

mm::AddressSpace* active = nullptr;

/// Where the program's byte at `va` lies, faulted in; null: it cannot be accessed that way.
char* touch(std::uint64_t va, MmuAccess how) {
    for (int tries = 0; tries < 4; tries++) {
        const auto seen = Mmu::access(VirtAddr{va}, how);
        if (seen.outcome == MmuOutcome::done)
            return static_cast<char*>(mm::phys_to_virt(seen.address));
        const arch::Access access = how == MmuAccess::write  ? arch::Access::write
                                    : how == MmuAccess::exec ? arch::Access::exec
                                                             : arch::Access::read;
        if (active->fault(VirtAddr{va}, access) != mm::FaultOutcome::resolved) return nullptr;
    }
    return nullptr;
}

/// The kernel's accesses to the program go a page at a time; loading only ever writes.
bool open_window(std::uint64_t address, bool write) {
    REQUIRE(write);
    char* page = touch(align_down(address, page_size), MmuAccess::write);
    if (page) arch::host::set_user_window(align_down(address, page_size), page, page_size);
    return page != nullptr;
}

struct Opener final : exec::Opener {
    explicit Opener(vfs::TaskContext& context) : who(context) {}
    Result<RefPtr<vfs::File>> open_program(const char* path) override {
        return vfs::open_executable(who, nullptr, path);
    }
    vfs::TaskContext& who;
};

class World {
public:
    World() : space(mm::AddressSpace::create().value()), opener(files.who) {
        active = space.get();
        space->activate();
        char nothing = 0;
        arch::host::set_user_window(~0ull, &nothing, 0);
        arch::host::on_user_fault = open_window;
    }
    ~World() {
        arch::host::on_user_fault = nullptr;
        arch::host::clear_user_window();
        mm::AddressSpace::deactivate();
        active = nullptr;
    }
    void add(const std::string& path, std::vector<std::byte> bytes, std::uint32_t mode = 0755) {
        files.write(path, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
                    mode);
    }
    Result<OwnPtr<ExecImage>> load(const char* path,
                                   std::vector<std::string> arguments = {"prog"}) {
        auto block = std::make_unique<ArgumentBlock>(1 << 20);
        for (auto& a : arguments) REQUIRE(block->add_argument(a).ok());
        REQUIRE(block->add_variable("A=1").ok());
        LoadRequest request;
        request.opener = &opener;
        request.path = path;
        request.arguments = block.get();
        request.seed = 1;
        return exec::load(*space, request, report);
    }
    std::string said() const { return std::string(report.text()); }

    static std::uint8_t byte(std::uint64_t va) {
        const char* at = touch(va, MmuAccess::read);
        REQUIRE(at);
        return static_cast<std::uint8_t>(*at);
    }
    static std::uint64_t word(std::uint64_t va) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < 8; i++) value |= std::uint64_t{byte(va + i)} << 8 * i;
        return value;
    }
    static std::string text(std::uint64_t va) {
        std::string out;
        for (; byte(va) != 0; va++) out += static_cast<char>(byte(va));
        return out;
    }
    static std::vector<std::string> argv(const ExecImage& image) {
        std::vector<std::string> out;
        const std::uint64_t sp = raw(image.start_sp);
        for (std::uint64_t i = 0; i < word(sp); i++) out.push_back(text(word(sp + 8 + 8 * i)));
        return out;
    }
    static std::uint64_t aux(const ExecImage& image, std::uint64_t tag) {
        for (std::size_t i = 0; i < image.stack.aux_words; i += 2)
            if (image.stack.aux[i] == tag) return image.stack.aux[i + 1];
        return ~0ull;
    }

    testing::FileWorld files;
    OwnPtr<mm::AddressSpace> space;
    Opener opener;
    FailureReport report;
};

/// A sound file whose bytes beyond the headers are all 0xee.
std::vector<std::byte> filled(const ElfBuilder& file) {
    auto bytes = file.bytes();
    for (std::size_t i = 0x300; i < bytes.size(); i++) bytes[i] = std::byte{0xee};
    return bytes;
}

} // namespace

TEST_CASE("a fixed program lies at its addresses, its bss is zero") {
    World world;
    world.add("/prog", filled(ElfBuilder{}));
    auto loaded = world.load("/prog");
    INFO(world.said());
    REQUIRE(loaded.ok());
    const ExecImage& image = *loaded.value();
    CHECK(raw(image.start_pc) == 0x400400);
    CHECK(World::byte(0x400000) == 0x7f);
    CHECK(World::byte(0x400400) == 0xee);
    // Data: file bytes up to 0x410e00 + 0x1300 = 0x412100, zeros from there to 0x415e00.
    CHECK(World::byte(0x410e00) == 0xee);
    CHECK(World::byte(0x4120ff) == 0xee);
    for (std::uint64_t at : {0x412100, 0x412fff, 0x413000, 0x415dff, 0x415fff})
        CHECK(World::byte(at) == 0);
    CHECK_FALSE(touch(0x416000, MmuAccess::read));
    CHECK_FALSE(touch(0x400400, MmuAccess::write));
    CHECK(touch(0x400400, MmuAccess::exec));
    CHECK_FALSE(touch(0x410e00, MmuAccess::exec));
    CHECK(raw(image.brk_begin) >= 0x416000);
    CHECK(world.space->break_now() == image.brk_begin);
    CHECK(World::aux(image, 3) == 0x400040); // AT_PHDR
    CHECK(World::aux(image, 5) == 3);        // AT_PHNUM
    CHECK(World::aux(image, 7) == 0);        // AT_BASE
    CHECK(World::argv(image) == std::vector<std::string>{"prog"});
    CHECK(World::text(World::aux(image, 31)) == "/prog"); // AT_EXECFN
    // The file itself keeps its bytes: the zeros are the program's own.
    CHECK(world.files.read("/prog")[0x2100] == static_cast<char>(0xee));
}

TEST_CASE("a movable program and its interpreter lie apart, the interpreter starts") {
    World world;
    world.add("/prog", filled(ElfBuilder{}.make_movable().with_interpreter("/lib/ld.so")));
    REQUIRE(vfs::make_directory(world.files.who, nullptr, "/lib", 0755).ok());
    world.add("/lib/ld.so", filled(ElfBuilder{}.make_movable()));
    auto loaded = world.load("/prog");
    INFO(world.said());
    REQUIRE(loaded.ok());
    const ExecImage& image = *loaded.value();
    const std::uint64_t base = raw(image.entry) - 0x400;
    CHECK(base % 0x10000 == 0);
    CHECK(World::byte(base) == 0x7f);
    CHECK(World::byte(base + 0x412100 - 0x400000) == 0);
    const std::uint64_t interpreter = World::aux(image, 7);
    CHECK(interpreter % 0x10000 == 0);
    CHECK(raw(image.start_pc) == interpreter + 0x400);
    CHECK(World::byte(interpreter) == 0x7f);
    CHECK(World::aux(image, 9) == base + 0x400); // AT_ENTRY
    CHECK(World::aux(image, 3) == base + 0x40);
    CHECK(interpreter != base);
}

TEST_CASE("an alignment of 2 MiB holds for the base") {
    World world;
    ElfBuilder file = ElfBuilder{}.make_movable();
    for (auto& p : file.programs) p.align = 0x200000;
    world.add("/prog", filled(file));
    auto loaded = world.load("/prog");
    REQUIRE(loaded.ok());
    CHECK((raw(loaded.value()->entry) - 0x400) % 0x200000 == 0);
}

TEST_CASE("a script runs its interpreter with its own path behind") {
    World world;
    world.files.write("/script", "#!/first -x y\n", 0755);
    world.files.write("/first", "#!/prog\n", 0755);
    world.add("/prog", filled(ElfBuilder{}));
    auto loaded = world.load("/script", {"anything", "a"});
    INFO(world.said());
    REQUIRE(loaded.ok());
    CHECK(World::argv(*loaded.value()) ==
          std::vector<std::string>{"/prog", "/first", "-x y", "/script", "a"});
    CHECK(World::text(World::aux(*loaded.value(), 31)) == "/script");
}

TEST_CASE("what cannot be started is explained in one sentence, with a shell's status") {
    World world;
    auto fails = [&](const char* path) {
        world.report = FailureReport{};
        auto loaded = world.load(path);
        REQUIRE_FALSE(loaded.ok());
        return std::to_string(world.report.status()) + " " + world.said();
    };
    CHECK(fails("/nope") == "127 program not found: /nope");
    world.files.write("/text", "hello", 0755);
    CHECK(fails("/text") == "126 /text is not an ELF file");
    world.files.write("/empty", "", 0755);
    CHECK(fails("/empty") == "126 /empty is empty");
    world.add("/locked", filled(ElfBuilder{}), 0644);
    CHECK(fails("/locked") == "126 permission denied: /locked is no file that may be executed");
    ElfBuilder other;
    other.header.machine = 62;
    world.add("/amd64", other.bytes());
    CHECK(fails("/amd64") == "126 /amd64 is for x86-64, not AArch64");
    world.add("/dynamic", filled(ElfBuilder{}.with_interpreter("/lib/ld.so")));
    CHECK(fails("/dynamic") == "127 interpreter /lib/ld.so of /dynamic not found in the image");
    world.add("/odd", filled(ElfBuilder{}.with_interpreter("/text")));
    CHECK(fails("/odd") == "126 interpreter /text is not an ELF file");
    world.files.write("/script", "#!/no/such\n", 0755);
    CHECK(fails("/script") == "127 interpreter /no/such of /script not found in the image");
    world.files.write("/blank", "#!\n", 0755);
    CHECK(fails("/blank") == "126 the first line of /blank names no interpreter");
    world.files.write("/loop", "#!/loop\n", 0755);
    CHECK(fails("/loop") == "126 /loop is a script of scripts, too many levels");
    auto cut = filled(ElfBuilder{});
    cut.resize(0x1000);
    world.add("/cut", cut);
    CHECK(fails("/cut") == "126 /cut is cut off: a segment lies beyond the end of the file");
}
