// SPDX-License-Identifier: BSD-2-Clause
#include "symbols.h"

#include "pairs.h"

#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

namespace drupe::mkimage {
namespace {

std::string demangle(const std::string& name) {
    int status = 0;
    char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
    if (status != 0 || !text) return name;
    std::string result(text);
    std::free(text);
    return result;
}

// Drops everything between matching brackets of one kind; "(anonymous namespace)" goes with it.
std::string without_brackets(const std::string& text, char open, char close) {
    std::string result;
    int depth = 0;
    for (char c : text) {
        if (c == open) depth++;
        if (depth == 0) result += c;
        if (c == close && depth > 0) depth--;
    }
    return result;
}

template <class T>
void append(std::vector<std::byte>& out, const T& value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof value);
}

// Up to the last "::", which may stand behind an empty part ("lockdep::::complain").
std::string scope_of(const std::string& name) {
    const std::size_t end = name.rfind("::");
    return end == std::string::npos ? "" : name.substr(0, end + 2);
}

/// Names in the order they came, each once.
class Names {
public:
    std::size_t number_of(const std::string& name) {
        const auto [place, fresh] = known_.try_emplace(name, all.size());
        if (fresh) all.push_back(name);
        return place->second;
    }
    std::vector<std::string> all;

private:
    std::map<std::string, std::size_t> known_;
};

/// The coded names one behind the other, and where each begins.
struct Text {
    explicit Text(const std::vector<std::string>& names) {
        for (const std::string& name : names) {
            places.push_back(bytes.size());
            bytes.append(name).push_back('\0');
        }
    }
    std::string bytes;
    std::vector<std::uint64_t> places;
};

} // namespace

std::string short_name(const std::string& linker_name) {
    std::string name = demangle(linker_name);
    if (name.find("operator") != std::string::npos) return name.substr(0, name.find('('));
    name = without_brackets(without_brackets(name, '<', '>'), '(', ')');
    // A return type (of templates) stands before the last space.
    const std::size_t clone = name.find(" [clone");
    if (clone != std::string::npos) name.resize(clone);
    while (!name.empty() && name.back() == ' ') name.pop_back();
    if (name.ends_with(" const")) name.resize(name.size() - 6);
    const std::size_t space = name.rfind(' ');
    if (space != std::string::npos) name.erase(0, space + 1);
    return name;
}

std::vector<std::byte> encode_symbols(const ElfImage& image) {
    struct Entry {
        std::uint64_t offset, name, scope;
    };
    constexpr std::uint64_t offset_limit = 4u << 20, name_limit = 1u << 18, scope_limit = 1u << 10;
    std::vector<Entry> entries;
    std::map<std::string, std::uint64_t> scopes;
    Names names;
    for (const Function& function : image.functions)
        scopes.try_emplace(scope_of(short_name(function.name)), 0);
    for (auto& [scope, number] : scopes) {
        number = names.all.size();
        names.all.push_back(scope);
    }
    for (const Function& function : image.functions) {
        const std::uint64_t offset = function.address - image.base;
        if (offset >= image.memory.size()) continue;
        if (!entries.empty() && entries.back().offset == offset) continue; // the first alias wins
        const std::string name = short_name(function.name);
        const std::string scope = scope_of(name);
        entries.push_back({offset, names.number_of(name.substr(scope.size())), scopes.at(scope)});
    }
    const PairCoded coded = code_by_pairs(names.all);
    const Text text(coded.texts);
    if (image.memory.size() > offset_limit || text.bytes.size() > name_limit ||
        scopes.size() > scope_limit)
        throw std::runtime_error("more names than the table of symbols can hold");
    std::vector<std::byte> out;
    for (char c : std::string_view("DRUPESYM")) append(out, c);
    append(out, static_cast<std::uint32_t>(entries.size()));
    append(out, static_cast<std::uint32_t>(text.bytes.size()));
    append(out, coded.pairs);
    for (const Entry& e : entries) {
        append(out, e.offset / 4 | text.places[e.name] << 20 | e.scope << 38);
        out.resize(out.size() - 2); // 48 bits
    }
    for (char c : text.bytes) append(out, c);
    return out;
}

} // namespace drupe::mkimage
