// SPDX-License-Identifier: BSD-2-Clause
// Lines to entries. Every byte of a manifest is untrusted: the only way out for bad input is Error.
#include <filetree/manifest.h>

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace drupe::filetree {

namespace {

constexpr std::size_t max_word_bytes = 1 << 16; // a variable that doubles itself must end somewhere

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Characters that mean something in a pattern, or in front of a directive.
bool is_special(char c) { return c == '*' || c == '?' || c == '[' || c == '\\' || c == '%'; }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

template <class T>
T number(std::string_view text, int base, T limit, std::string_view what) {
    T value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size() || value > limit || value < T{})
        throw Error(fmt::format("'{}' is no {}", text, what));
    return value;
}

// Splits one line into words.
class Scanner {
public:
    Scanner(std::string_view line, const Variables& variables)
        : rest_(line), variables_(variables) {}

    std::optional<Word> next() {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
        if (rest_.empty() || rest_.front() == '#') return std::nullopt;
        Word word;
        last_was_plain_ = false;
        bool quoted = false;
        while (!rest_.empty() && (quoted || !is_space(rest_.front()))) {
            char c = take();
            last_was_plain_ = false;
            if (c == '"')
                quoted = !quoted;
            else if (c == '\\')
                append_literal(word, escape());
            else if (c == '%' && rest_.starts_with('{'))
                append_literal(word, variable());
            else if (quoted)
                append_literal(word, std::string_view{&c, 1});
            else
                append_plain(word, c);
            if (word.text.size() > max_word_bytes) throw Error("a word is too long");
        }
        if (quoted) throw Error("a quote is not closed");
        return word;
    }

    /// Whether the last character of the last word stood there unquoted.
    bool last_was_plain() const { return last_was_plain_; }

private:
    char take() {
        char c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    std::string escape() {
        if (rest_.empty()) throw Error("a backslash ends the line");
        char c = take();
        switch (c) {
        case 'n': return "\n";
        case 't': return "\t";
        case 'r': return "\r";
        case 'x': {
            if (rest_.size() < 2 || hex_digit(rest_[0]) < 0 || hex_digit(rest_[1]) < 0)
                throw Error("\\x needs two hexadecimal digits");
            int high = hex_digit(take());
            int value = high * 16 + hex_digit(take());
            if (value == 0) throw Error("a NUL byte cannot be part of a word");
            return std::string(1, static_cast<char>(value));
        }
        default: return std::string(1, c);
        }
    }

    std::string_view variable() {
        take();
        auto end = rest_.find('}');
        if (end == std::string_view::npos) throw Error("%{ is not closed");
        auto name = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        auto found = variables_.find(name);
        if (found == variables_.end())
            throw Error(fmt::format("the variable '{}' is not defined", name));
        return found->second;
    }

    static void append_literal(Word& word, std::string_view text) {
        word.text += text;
        for (char c : text) {
            if (is_special(c)) word.pattern += '\\';
            word.pattern += c;
        }
    }

    void append_plain(Word& word, char c) {
        word.text += c;
        word.pattern += c;
        word.is_glob = word.is_glob || c == '*' || c == '?' || c == '[';
        last_was_plain_ = true;
    }

    std::string_view rest_;
    const Variables& variables_;
    bool last_was_plain_ = false;
};

struct DirectiveName {
    std::string_view name;
    Directive directive;
    std::size_t words;
};
constexpr DirectiveName directive_names[] = {
    {"%dir", Directive::directory, 0},     {"%symlink", Directive::symlink, 1},
    {"%hardlink", Directive::hardlink, 1}, {"%char", Directive::character, 1},
    {"%block", Directive::block, 1},       {"%fifo", Directive::fifo, 0},
    {"%attr", Directive::attributes, 0},   {"%remove", Directive::remove, 0},
};

Owner parse_owner(std::string_view value) {
    auto colon = value.find(':');
    if (colon == std::string_view::npos)
        throw Error(fmt::format("owner={} should be owner=UID:GID", value));
    return {number<std::uint32_t>(value.substr(0, colon), 10, UINT32_MAX, "user number"),
            number<std::uint32_t>(value.substr(colon + 1), 10, UINT32_MAX, "group number")};
}

void parse_attribute(std::string_view text, Attributes& attributes) {
    auto equals = text.find('=');
    auto key = text.substr(0, equals);
    auto value = equals == std::string_view::npos ? std::string_view{} : text.substr(equals + 1);
    if (key == "mode")
        attributes.mode = number<std::uint16_t>(value, 8, 07777, "octal mode");
    else if (key == "owner")
        attributes.owner = parse_owner(value);
    else if (key == "mtime")
        attributes.mtime = number<std::int64_t>(value, 10, INT64_MAX, "time in seconds");
    else
        throw Error(fmt::format("'{}' is none of mode=, owner=, mtime=", text));
}

void parse_device(std::string_view text, Entry& entry) {
    auto colon = text.find(':');
    if (colon == std::string_view::npos)
        throw Error(fmt::format("'{}' should be MAJOR:MINOR", text));
    entry.major = number<std::uint32_t>(text.substr(0, colon), 10, 0xfff, "device number");
    entry.minor = number<std::uint32_t>(text.substr(colon + 1), 10, 0xfffff, "device number");
}

// `first` is the word in front of the colon, which is still its last character.
Entry parse_entry(std::string_view first, Scanner& scanner) {
    Entry entry;
    first.remove_suffix(1);
    if (!first.starts_with('/')) throw Error(fmt::format("'{}' should begin with '/'", first));
    entry.into_folder = first.ends_with('/');
    entry.path = normalise(first);
    auto source = scanner.next();
    if (!source) throw Error(fmt::format("nothing stands behind '{}:'", first));
    std::size_t words = 1;
    if (source->text.starts_with('%') && source->pattern.starts_with('%')) {
        auto found = std::find_if(std::begin(directive_names), std::end(directive_names),
                                  [&](const DirectiveName& d) { return d.name == source->text; });
        if (found == std::end(directive_names))
            throw Error(fmt::format("there is no directive '{}'", source->text));
        entry.directive = found->directive;
        words = found->words;
    } else {
        entry.words.push_back(*source);
        if (source->is_glob && !entry.into_folder)
            throw Error(fmt::format("the pattern '{}' needs a folder to go to: write '{}/:'",
                                    source->text, first));
    }
    while (entry.words.size() < words) {
        auto word = scanner.next();
        if (!word) throw Error(fmt::format("'{}' needs something behind it", source->text));
        entry.words.push_back(*word);
    }
    while (auto word = scanner.next()) parse_attribute(word->text, entry.attributes);
    if (entry.directive == Directive::character || entry.directive == Directive::block)
        parse_device(entry.words[0].text, entry);
    if (entry.directive == Directive::symlink && entry.words[0].text.empty())
        throw Error("a symlink needs a target");
    return entry;
}

void parse_define(Scanner& scanner, Variables& variables) {
    auto name = scanner.next();
    auto value = scanner.next();
    if (!name || !value || scanner.next()) throw Error("%define takes a name and one value");
    variables.insert_or_assign(name->text, value->text);
}

std::optional<Entry> parse_line(std::string_view line, Variables& variables) {
    Scanner scanner(line, variables);
    auto first = scanner.next();
    if (!first) return std::nullopt;
    if (first->text == "%define") {
        parse_define(scanner, variables);
        return std::nullopt;
    }
    if (first->text == "%include") {
        auto file = scanner.next();
        if (!file || scanner.next()) throw Error("%include takes one path");
        Entry entry;
        entry.directive = Directive::include;
        entry.words.push_back(*file);
        return entry;
    }
    if (!first->text.ends_with(':') || !scanner.last_was_plain())
        throw Error("a line should read '/path/in/image: path/on/host'");
    return parse_entry(first->text, scanner);
}

} // namespace

std::vector<Entry> parse_manifest(std::string_view text, std::string_view name,
                                  Variables& variables) {
    std::vector<Entry> entries;
    for (int line = 1; !text.empty(); ++line) {
        auto end = text.find('\n');
        auto content = text.substr(0, end);
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        try {
            if (content.find('\0') != std::string_view::npos)
                throw Error("a manifest holds no NUL bytes");
            if (auto entry = parse_line(content, variables)) {
                entry->line = line;
                entries.push_back(std::move(*entry));
            }
        } catch (const Error& e) { throw Error(fmt::format("{}:{}: {}", name, line, e.what())); }
    }
    return entries;
}

} // namespace drupe::filetree
