// SPDX-License-Identifier: BSD-2-Clause
// The manifest format, shared by every image tool (tools/filetree/README.md has it for users).
// parse_manifest is a pure function over bytes; add_manifest reads files and follows %include.
#pragma once

#include <filetree/tree.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drupe::filetree {

using Variables = std::map<std::string, std::string, std::less<>>;

/// A word of a line after quotes, escapes and variables. `pattern` is the same with every character
/// that was quoted or escaped protected by a backslash, for matching; `is_glob` when it can match.
struct Word {
    std::string text;
    std::string pattern;
    bool is_glob = false;
};

enum class Directive : std::uint8_t {
    copy,      // words: one host path or pattern
    directory, // no words
    symlink,   // words: target
    hardlink,  // words: path in the image
    character, // words: MAJOR:MINOR
    block,
    fifo,
    attributes, // changes the attributes of what is there
    remove,
    include, // words: path of another manifest; `path` is empty
};

struct Attributes {
    std::optional<std::uint16_t> mode;
    std::optional<Owner> owner;
    std::optional<std::int64_t> mtime;
};

struct Entry {
    Directive directive = Directive::copy;
    std::string path;         // in the image, normalised
    bool into_folder = false; // it ended in '/': what is copied keeps its own name below it
    std::vector<Word> words;
    Attributes attributes;
    std::uint32_t major = 0, minor = 0; // devices
    int line = 0;
};

/// Reads a manifest. `variables` serves %{NAME} and receives what %define says.
/// Throws Error, "NAME:LINE: what is wrong", with `name` for the manifest itself.
std::vector<Entry> parse_manifest(std::string_view text, std::string_view name,
                                  Variables& variables);

/// What applies to everything that is read from the host.
struct HostOptions {
    std::optional<Owner> owner = Owner{0, 0}; // none: as on the host
    std::optional<std::int64_t> mtime;        // none: as on the host
};

/// Adds a host folder, file or other object (not followed when it is a symlink) at `path`.
void add_host(Tree& tree, std::string_view path, const std::string& host,
              const HostOptions& options);

/// Adds all that is in a host folder, which may be named through a symlink, at the image's root.
void add_host_folder(Tree& tree, const std::string& host, const HostOptions& options);

/// Reads a manifest file and does what it says; relative host paths start at the manifest's folder.
void add_manifest(Tree& tree, const std::string& file, const HostOptions& options,
                  Variables& variables);

/// Whether `text` matches the shell pattern: * ? [a-z] [!a] and backslash; * and ? do not match
/// '/'.
bool glob_match(std::string_view pattern, std::string_view text);

/// Host paths that match, sorted; "**" as a component stands for any number of folders. For each
/// the part from the first component with a pattern character on, which is its place in the image.
std::vector<std::pair<std::string, std::string>> glob_host(const std::string& pattern);

} // namespace drupe::filetree
