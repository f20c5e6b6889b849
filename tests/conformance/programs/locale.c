// SPDX-License-Identifier: BSD-2-Clause
// Locale and users: C and C.UTF-8, multibyte and wide characters, conversion, passwd and group.
#define _GNU_SOURCE
#include "trace.h"

#include <grp.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <regex.h>
#include <stdlib.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

static void multibyte(void) {
    const char* text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    wchar_t wide[16];
    CALL(mbstowcs(wide, text, 16));
    for (int n = 0; n < 4; n++) printf("U+%04X ", (unsigned)wide[n]);
    char back[32];
    CALL(wcstombs(back, wide, sizeof back));
    TRUTH(strcmp(back, text) == 0);
    mbstate_t state = {0};
    wchar_t one;
    CALL(mbrtowc(&one, "\xe2", 1, &state));
    CALL(mbrtowc(&one, "\x82", 1, &state));
    CALL(mbrtowc(&one, "\xac", 1, &state));
    printf("%x\n", (unsigned)one);
    CALL(mbrtowc(&one, "\xc0\x80", 2, &state));
    memset(&state, 0, sizeof state);
    CALL(mbrtowc(&one, "\xed\xa0\x80", 3, &state)); // a surrogate
    memset(&state, 0, sizeof state);
    CALL(mbrtowc(&one, "", 1, &state));
    CALL(wcrtomb(back, 0x10ffff, &state));
    CALL(MB_CUR_MAX);
    printf("%d %d %d %d\n", iswalpha(0xe4) != 0, iswupper(0xc4) != 0, iswspace(0x2003) != 0,
           iswpunct(0x20ac) != 0);
    printf("%x %x\n", (unsigned)towupper(0xe4), (unsigned)towlower(0x416));
    printf("%d %d\n", wcwidth(L'a'), wcwidth(0x4e00));
    printf("[%ls] [%.3ls] [%5lc]\n", wide, wide, (wint_t)0xe4);
    CALL(wcslen(wide));
    CALL(swprintf(wide, 16, L"%d-%ls", 5, L"x"));
    CALL(wcstol(L"  0x7f", NULL, 0));
}

static void names(void) {
    TRUTH(setlocale(LC_ALL, "no_SUCH.locale") == NULL || setlocale(LC_ALL, "C") != NULL);
    TRUTH(setlocale(LC_ALL, "C.UTF-8") != NULL);
    puts(nl_langinfo(CODESET));
    printf("%s %s %s\n", nl_langinfo(RADIXCHAR), nl_langinfo(DAY_1), nl_langinfo(MON_12));
    const struct lconv* conventions = localeconv();
    printf("[%s] [%s] [%s] %d\n", conventions->decimal_point, conventions->thousands_sep,
           conventions->currency_symbol, conventions->frac_digits);
    setenv("LC_ALL", "C.UTF-8", 1);
    TRUTH(setlocale(LC_CTYPE, "") != NULL);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0),
             utf = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    TRUTH(plain && utf);
    const locale_t before = uselocale(utf);
    TRUTH(MB_CUR_MAX > 1);
    uselocale(before);
    freelocale(utf);
    CALL(strcoll("a", "b") < 0);
    char key[16];
    TRUTH(strxfrm(key, "abc", sizeof key) >= 3);
}

static void conversion(void) {
    iconv_t cd = iconv_open("UTF-16LE", "UTF-8");
    TRUTH(cd != (iconv_t)-1);
    char input[] = "h\xc3\xa4\xf0\x9f\x98\x80", output[32];
    char *in = input, *out = output;
    size_t in_left = strlen(input), out_left = sizeof output;
    CALL(iconv(cd, &in, &in_left, &out, &out_left));
    for (char* at = output; at < out; at++) printf("%02x", (unsigned char)*at);
    putchar('\n');
    char broken[] = "x\xff";
    in = broken, in_left = 2, out = output, out_left = sizeof output;
    CALL(iconv(cd, &in, &in_left, &out, &out_left));
    CALL(in_left);
    iconv_close(cd);
    TRUTH(iconv_open("NO-SUCH", "UTF-8") == (iconv_t)-1 && errno == EINVAL);
}

static void expressions(void) {
    regex_t r;
    regmatch_t match[3];
    CALL(regcomp(&r, "([a-z]+)=([0-9]{2,})", REG_EXTENDED));
    CALL(regexec(&r, "  key=1234;", 3, match, 0));
    for (int n = 0; n < 3; n++) printf("%d-%d ", (int)match[n].rm_so, (int)match[n].rm_eo);
    CALL(regexec(&r, "key=1", 3, match, 0));
    regfree(&r);
    CALL(regcomp(&r, "(", REG_EXTENDED) != 0);
    CALL(regcomp(&r, "^.\xc3\xa4.$", 0)); // a dot is a character
    CALL(regexec(&r, "\xe2\x82\xac\xc3\xa4x", 0, NULL, 0));
    regfree(&r);
}

static void users(void) {
    const struct passwd* user = getpwnam("root");
    TRUTH(user != NULL);
    if (user)
        printf("%s %u %u %s %s\n", user->pw_name, user->pw_uid, user->pw_gid, user->pw_dir,
               user->pw_shell);
    user = getpwuid(65534);
    puts(user ? user->pw_name : "nobody has it");
    errno = 0;
    TRUTH(getpwnam("nosuchuser") == NULL);
    const struct group* group = getgrnam("tty");
    if (group) printf("%s %u\n", group->gr_name, group->gr_gid);
    TRUTH(getgrgid(12345) == NULL);
    int count = 0;
    setpwent();
    while (getpwent()) count++;
    endpwent();
    printf("%d users\n", count);
    struct passwd storage, *result;
    char small[4], buffer[1024];
    CALL(getpwnam_r("root", &storage, small, sizeof small, &result));
    CALL(getpwnam_r("root", &storage, buffer, sizeof buffer, &result));
    TRUTH(result == &storage);
    printf("%u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
}

int main(void) {
    names();
    multibyte();
    conversion();
    expressions();
    users();
    return 0;
}
