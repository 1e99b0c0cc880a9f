/* src/contact/text.c, each string at the end of what can be read. */
#include "../../src/contact/contract.h"
#include "../../src/contact/text.h"
#include "check.h"
#include "guard.h"

#define LITERAL(s) guarded(s, sizeof(s) - 1), sizeof(s) - 1

/* RFC 3629, section 4, as it is printed there; the length of a well-formed sequence or 0. */
static size_t grammar(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char length, from, to, second_from, second_to;
    } rows[] = {
        {1, 0x00, 0x7F, 0, 0},       {2, 0xC2, 0xDF, 0x80, 0xBF}, {3, 0xE0, 0xE0, 0xA0, 0xBF},
        {3, 0xE1, 0xEC, 0x80, 0xBF}, {3, 0xED, 0xED, 0x80, 0x9F}, {3, 0xEE, 0xEF, 0x80, 0xBF},
        {4, 0xF0, 0xF0, 0x90, 0xBF}, {4, 0xF1, 0xF3, 0x80, 0xBF}, {4, 0xF4, 0xF4, 0x80, 0x8F},
    };
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        if (s[0] < rows[r].from || s[0] > rows[r].to)
            continue;
        if (n < rows[r].length)
            return 0;
        if (rows[r].length > 1 && (s[1] < rows[r].second_from || s[1] > rows[r].second_to))
            return 0;
        for (size_t i = 2; i < rows[r].length; i++)
            if (s[i] < 0x80 || s[i] > 0xBF)
                return 0;
        return rows[r].length;
    }
    return 0;
}

static size_t encode(uint32_t cp, char *to)
{
    if (cp < 0x80) {
        to[0] = (char)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, cp >>= 6)
        to[i] = (char)(0x80 | (cp & 0x3F));
    to[0] = (char)((0xF0u << (4 - n)) | cp);
    return n;
}

static void every_code_point(void)
{
    long wrong = 0;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char bytes[4];
        size_t n = encode(cp, bytes);
        const char *s = guarded(bytes, n);
        uint32_t got = 0;
        struct aw_text text;
        aw_text_scan(s, n, &text);
        if (cp >= 0xD800 && cp <= 0xDFFF)
            wrong += text.valid || text.bad != 0 || aw_utf8_next(s, n, &got) != 0;
        else
            wrong += !text.valid || text.points != 1 || text.units != (cp > 0xFFFF ? 2 : 1) ||
                     text.bad != n || text.edge != aw_is_space(cp) || text.control != aw_is_unseen(cp) ||
                     aw_utf8_next(s, n, &got) != n || got != cp;
        for (size_t cut = 1; cut < n; cut++) {
            aw_text_scan(guarded(bytes, cut), cut, &text);
            wrong += text.valid || text.bad != 0;
        }
    }
    CHECK(wrong == 0);
}

static void every_sequence(void)
{
    long wrong = 0;
    static const unsigned char third[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    unsigned char bytes[4];
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0; c < sizeof third; c++)
                for (unsigned d = 0; d < sizeof third; d++) {
                    bytes[0] = (unsigned char)a, bytes[1] = (unsigned char)b;
                    bytes[2] = third[c], bytes[3] = third[d];
                    size_t at = 0, step;
                    while (at < 4 && (step = grammar(bytes + at, 4 - at)) > 0)
                        at += step;
                    struct aw_text text;
                    aw_text_scan(guarded(bytes, 4), 4, &text);
                    wrong += text.valid != (at == 4) || text.bad != at;
                }
    CHECK(wrong == 0);
}

/* Eight bytes at a time and one by one must say the same, whatever stands where. */
static void strides(void)
{
    long wrong = 0;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t length = 1; length <= 24; length++)
            for (size_t at = 0; at < length; at++)
                for (int fill = 0; fill < 3; fill++) {
                    char bytes[24];
                    struct aw_text text;
                    memset(bytes, " a~"[fill], sizeof bytes);
                    bytes[at] = (char)byte;
                    aw_text_scan(guarded(bytes, length), length, &text);
                    bool valid = byte < 0x80, control = byte < 0x20 || byte == 0x7F;
                    bool edge = fill == 0 ? length > 1 || aw_is_space(byte)
                                          : (at == 0 || at == length - 1) && aw_is_space(byte);
                    wrong += text.valid != valid || text.bad != (valid ? length : at);
                    if (valid)
                        wrong += text.control != control || text.points != length || text.units != length ||
                                 text.edge != edge;
                }
    CHECK(wrong == 0);
}

static void counting(void)
{
    struct aw_text text;
    aw_text_scan(LITERAL(""), &text);
    CHECK(text.valid && text.points == 0 && text.units == 0 && !text.edge && !text.control);
    aw_text_scan(LITERAL("M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x98\x80"), &text);
    CHECK(text.valid && text.points == 10 && text.units == 11);
    aw_text_scan(LITERAL("a\0b"), &text);
    CHECK(text.valid && text.points == 3 && text.control);
    aw_text_scan(LITERAL("abcdefgh\xFC"), &text);
    CHECK(!text.valid && text.bad == 8);
    aw_text_scan(LITERAL("\xE2\x80\xAA+49 30 1234567\xE2\x80\xAC"),
                 &text); /* as copied from a Windows address book */
    CHECK(text.valid && text.control && !text.edge);
}

static void white_space(void)
{
    const char *s;
    size_t n;
    CHECK(aw_is_blank(LITERAL("")));
    CHECK(aw_is_blank(LITERAL(" \t\r\n\v\f")));
    CHECK(aw_is_blank(LITERAL("\xC2\xA0\xE3\x80\x80\xE2\x80\x8B\xEF\xBB\xBF")));
    CHECK(!aw_is_blank(LITERAL(" x ")));
    CHECK(!aw_is_blank(LITERAL("\xFF")));
    s = guarded(" \xC2\xA0M\xC3\xBC \xE3\x80\x80", 10), n = 10;
    aw_trim(&s, &n);
    CHECK(n == 3 && memcmp(s, "M\xC3\xBC", 3) == 0);
    s = guarded("\x80 x \x80", 5), n = 5;
    aw_trim(&s, &n);
    CHECK(n == 5);
}

static void cutting(void)
{
    CHECK(aw_cut(LITERAL("abc"), 2) == 2);
    CHECK(aw_cut(LITERAL("abc"), 9) == 3);
    CHECK(aw_cut(LITERAL("\xC3\xBC\xF0\x9F\x98\x80x"), 2) == 6);
    CHECK(aw_cut(LITERAL("\xC3\xBC\xF0\x9F\x98"), 2) == 3);
    CHECK(aw_cut(LITERAL(""), 2) == 0);
}

static void guids(void)
{
    static const char good[] = "123e4567-E89b-12d3-a456-426614174000";
    char bad[36];
    CHECK(aw_is_guid(LITERAL(good)));
    CHECK(!aw_is_guid(LITERAL("")));
    CHECK(!aw_is_guid(guarded(good, 35), 35));
    CHECK(!aw_is_guid(LITERAL("123e4567-e89b-12d3-a456-426614174000\n")));
    CHECK(!aw_is_guid(LITERAL("123e4567-e89b-12d3-a456-4266141740000")));
    CHECK(!aw_is_guid(LITERAL("{123e4567-e89b-12d3-a456-4266141740}")));
    int accepted = 0;
    for (size_t i = 0; i < 36; i++)
        for (unsigned c = 0; c < 256; c++) {
            memcpy(bad, good, 36);
            bad[i] = (char)c;
            accepted += aw_is_guid(guarded(bad, 36), 36);
        }
    CHECK(accepted == 32 * 22 + 4); /* 22 hexadecimal digits in 32 places, one dash in 4 */
}

static void headers(void)
{
    CHECK(aw_is_header_safe(LITERAL("Bearer abc.def-123\t")));
    CHECK(aw_is_header_safe(LITERAL("")));
    CHECK(aw_is_header_safe(LITERAL("M\xC3\xBCller")));
    CHECK(!aw_is_header_safe(LITERAL("a\r\nX: y")));
    CHECK(!aw_is_header_safe(LITERAL("a\nb")));
    CHECK(!aw_is_header_safe(LITERAL("a\rb")));
    CHECK(!aw_is_header_safe(LITERAL("a\0b")));
    CHECK(!aw_is_header_safe(LITERAL("a\x7F")));
    int unreserved = 0;
    for (unsigned c = 0; c < 256; c++)
        unreserved += aw_is_unreserved((unsigned char)c);
    CHECK(unreserved == 26 + 26 + 10 + 4);
}

static void looks(void)
{
    CHECK(aw_is_email(LITERAL("neil@example.com")));
    CHECK(aw_is_email(LITERAL("n.a+b@m\xC3\xBCller.de")));
    CHECK(aw_is_email(LITERAL("a@[127.0.0.1]")));
    CHECK(!aw_is_email(LITERAL("")));
    CHECK(!aw_is_email(LITERAL("neil")));
    CHECK(!aw_is_email(LITERAL("@example.com")));
    CHECK(!aw_is_email(LITERAL("neil@")));
    CHECK(!aw_is_email(LITERAL("neil@localhost")));
    CHECK(!aw_is_email(LITERAL("neil@a@b.de")));
    CHECK(!aw_is_email(LITERAL("neil@.de")));
    CHECK(!aw_is_email(LITERAL("neil@example.")));
    CHECK(!aw_is_email(LITERAL("neil@a..de")));
    CHECK(!aw_is_email(LITERAL(".neil@a.de")));
    CHECK(!aw_is_email(LITERAL("neil.@a.de")));
    CHECK(!aw_is_email(LITERAL("neil armstrong@a.de")));
    CHECK(!aw_is_email(LITERAL("neil\xC2\xA0@a.de")));
    CHECK(!aw_is_email(LITERAL("Neil <neil@a.de>")));
    CHECK(!aw_is_email(LITERAL("a@b.de, c@d.de")));
    CHECK(!aw_is_email(LITERAL("a@[]")));

    /* What no address has, by its code point. */
    static const struct {
        const char *text;
        uint32_t odd;
    } odd[] = {{"ada@example.com", 0},
               {"o'neil+x!#$%&*/=?^_`{|}~-@a-b.de", 0},
               {"\"a b;c\"@x.de", 0},
               {"ada@[10.0.0.1]", 0},
               {"\xE2\x80\x8E"
                "ada@example.com",
                0x200E},
               {"ada@exam\xC2\xADple.com", 0xAD},
               {"ada\xE2\x80\x8B@example.com", 0x200B},
               {"ada\xE2\x80\x8D@example.com", 0x200D},
               {"\xEF\xBB\xBF"
                "ada@example.com",
                0xFEFF},
               {"\xE2\x80\x9E"
                "ada@example.com\xE2\x80\x9C",
                0x201E},
               {"\"ada@example.com\"", '"'},
               {"'ada@example.com'", '\''},
               {"<ada@example.com>", '<'},
               {"ada@example.com.;", ';'},
               {"ada@example.com,", ','},
               {"ada@example.com)", ')'},
               {"ada@example.com!", '!'},
               {"ada@exam ple.com", ' '},
               {"ada\\b@example.com", '\\'},
               {"mailto:ada@example.com", ':'},
               {"a@b@c.de", 0},
               {"no at sign", ' '},
               {"\"\n\"@x.de", '\n'}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        size_t n = strlen(odd[i].text);
        CHECK(aw_email_oddity(guarded(odd[i].text, n), n) == odd[i].odd);
        CHECK(odd[i].odd == 0 || !aw_is_email(guarded(odd[i].text, n), n));
    }

    /* Two numbers, or one of too many digits. */
    static const char *const several[] = {"030 123; 030 124",
                                          "030123|030124",
                                          "030 123\n030 124",
                                          "+49 30 1234567 / +49 170 7654321",
                                          "030 1234567, 0170 1234567",
                                          "030 1234567 // 0170 1234567",
                                          "+49301234567+491701234567",
                                          "1234567890123456",
                                          "030 123 \xEF\xBC\x9B 030 124",
                                          "+49 30 1234567890123",
                                          "030 1234567, ; 030 124"};
    static const char *const single[] = {"030/1234567",
                                         "038326 / 123",
                                         "+49 (30) 123-45/67",
                                         "030 1234567, 12",
                                         "030 1234567; 12",
                                         "123456789012345",
                                         "0049 (0) 30 12345678901",
                                         "00123456789012345",
                                         "+49 (0)30 1234567",
                                         "030 1234567;",
                                         ";030 1234567",
                                         "110",
                                         "0170/1234567/8",
                                         "05574/123456"};
    for (size_t i = 0; i < sizeof several / sizeof several[0]; i++)
        CHECK(!aw_is_phone(guarded(several[i], strlen(several[i])), strlen(several[i])));
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        CHECK(aw_is_phone(guarded(single[i], strlen(single[i])), strlen(single[i])));

    CHECK(aw_is_phone(LITERAL("110")));
    CHECK(aw_is_phone(LITERAL("+49 (30) 123-45/67")));
    CHECK(aw_is_phone(LITERAL("+49\xC2\xA0"
                              "30\xE2\x80\x93"
                              "123")));
    CHECK(aw_is_phone(LITERAL("\xD9\xA1\xD9\xA2\xD9\xA3")));                         /* Arabic */
    CHECK(aw_is_phone(LITERAL("\xEF\xBC\x8B\xEF\xBC\x94\xEF\xBC\x99\xEF\xBC\x90"))); /* full width */
    CHECK(!aw_is_phone(LITERAL("")));
    CHECK(!aw_is_phone(LITERAL("11")));
    CHECK(!aw_is_phone(LITERAL("+-() ")));
    CHECK(!aw_is_phone(LITERAL("0800 FLOWERS")));
    CHECK(!aw_is_phone(LITERAL("tel:+4930123")));
    CHECK(!aw_is_phone(LITERAL("123 \xC3\xBC")));
    CHECK(!aw_is_phone(LITERAL("123 \xD1\x8F")));

    /* What a spreadsheet has made of a number: a float, a date. */
    static const char *const reckoned[] = {"491707654321.0", "493012345670,00", "+491707654321.0",
                                           "01.02.2024",     "1/2/2024",        "2024-02-01",
                                           "31.12.1999",     "12/31/2024"};
    static const char *const real[] = {"01.23.45.67.00", "+1.555.123.4500", "45.67.2024",
                                       "22.33.4455",     "040-12-3456",     "1.2.3333",
                                       "2024-0201",      "030-2024-01",     "0301234567,"};
    for (size_t i = 0; i < sizeof reckoned / sizeof reckoned[0]; i++)
        CHECK(!aw_is_phone(guarded(reckoned[i], strlen(reckoned[i])), strlen(reckoned[i])));
    for (size_t i = 0; i < sizeof real / sizeof real[0]; i++)
        CHECK(aw_is_phone(guarded(real[i], strlen(real[i])), strlen(real[i])));

    CHECK(aw_is_url(LITERAL("https://example.com")));
    CHECK(aw_is_url(LITERAL("HTTP://user:pw@example.com:8080/a?b#c")));
    CHECK(aw_is_url(LITERAL("svn+ssh://host")));
    CHECK(aw_is_url(LITERAL("https://m\xC3\xBCller.de/")));
    CHECK(aw_is_url(LITERAL("http://[::1]/")));
    CHECK(!aw_is_url(LITERAL("")));
    CHECK(!aw_is_url(LITERAL("example.com")));
    CHECK(!aw_is_url(LITERAL("//example.com")));
    CHECK(!aw_is_url(LITERAL("https:")));
    CHECK(!aw_is_url(LITERAL("https:/")));
    CHECK(!aw_is_url(LITERAL("https://")));
    CHECK(!aw_is_url(LITERAL("https:///path")));
    CHECK(!aw_is_url(LITERAL("https://?q")));
    CHECK(!aw_is_url(LITERAL("https://user@")));
    CHECK(!aw_is_url(LITERAL("https://:80/")));
    CHECK(!aw_is_url(LITERAL("1http://a")));
    CHECK(!aw_is_url(LITERAL("ht tp://a")));
    CHECK(!aw_is_url(LITERAL("https://a b")));
    CHECK(!aw_is_url(LITERAL("mailto:a@b.de")));
    CHECK(!aw_is_url(LITERAL("https://a\xE2\x80\x8B.de")));
    static const char *const code[] = {"javascript://example.com/%0aalert(1)",
                                       "JavaScript:alert(1)",
                                       "data://x/y",
                                       "VBSCRIPT://x",
                                       "view-source://x.de",
                                       "jar://x.de!/a"};
    for (size_t i = 0; i < sizeof code / sizeof code[0]; i++) {
        size_t n = strlen(code[i]);
        CHECK(aw_url_runs_code(guarded(code[i], n), n) && !aw_is_url(guarded(code[i], n), n));
    }
    CHECK(!aw_url_runs_code(LITERAL("https://javascript:x@y")) && !aw_url_runs_code(LITERAL("javascript")));
    CHECK(!aw_url_runs_code(LITERAL("javascripts://x")) && !aw_url_runs_code(LITERAL("database://x")));
}

/* What aw_is_email says of ASCII, told one byte after the other. */
static bool email_by_bytes(const char *s, size_t n)
{
    size_t at = n, dots = 0;
    if (aw_email_oddity(s, n) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '@') {
            if (at < n || i == 0 || i > 64 || s[0] == '.' || s[i - 1] == '.')
                return false;
            at = i;
        }
    }
    if (at == n || at + 1 == n || n - at - 1 > 255)
        return false;
    if (s[at + 1] == '[')
        return n - at - 1 > 2 && s[n - 1] == ']';
    for (size_t i = at + 1; i < n; i++)
        if (s[i] == '.') {
            dots++;
            if (s[i - 1] == '@' || s[i - 1] == '.' || i == n - 1)
                return false;
        }
    return dots > 0;
}

/* Eight bytes at a time and one by one say the same of random text, too. */
static void words(void)
{
    static const char *const letters[] = {"abcdefghi.@", "ab.@:<=>,; []", "+0123456789 ()-/",
                                          "09az@`[{/: ", "ab\"\\\x1F \x7F~"};
    long wrong = 0, plains = 0, emails = 0, phones = 0, runs = 0;
    uint64_t seed = 7;
    for (long round = 0; round < 400000; round++) {
        char bytes[96];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const char *from = letters[(seed >> 33) % 5];
        size_t n = (seed >> 40) % (round % 8 ? 24 : sizeof bytes), count = strlen(from), digits = 0, run = 0;
        bool plain = n == 0, phone = true;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            bytes[i] = from[(seed >> 33) % count];
        }
        if (n > 0)
            plain = bytes[0] != ' ' && bytes[n - 1] != ' ';
        for (size_t i = 0; i < n; i++) {
            char c = bytes[i];
            plain = plain && c >= ' ' && c < 0x7F;
            phone = phone && (c == '|' || c == 0x7F || !(c >= '<' || strchr("!\"$%'", c)));
            digits += c >= '0' && c <= '9';
            run += run == i && c >= ' ' && c != 0x7F && c != '"' && c != '\\';
        }
        phone = phone && digits >= 3 && !aw_phone_is_several(bytes, n) && !aw_phone_is_reckoned(bytes, n);
        bool email = email_by_bytes(bytes, n);
        const char *s = guarded(bytes, n);
        wrong += aw_is_plain(s, n) != plain || aw_is_phone(s, n) != phone || aw_is_email(s, n) != email ||
                 aw_json_run(s, n) != run;
        plains += plain, phones += phone, emails += email, runs += run < n;
    }
    CHECK(wrong == 0);
    CHECK(plains > 1000 && phones > 1000 && emails > 1000 && runs > 1000);
    CHECK(!aw_is_plain(LITERAL("Torstra\xC3\x9F\x65 140")) &&
          aw_json_run(LITERAL("Torstra\xC3\x9F\x65 140")) == 14);
}

static size_t fold(const char *s, char *to)
{
    size_t n = aw_fold(guarded(s, strlen(s)), strlen(s), to, AW_FOLD_MAX);
    to[n] = 0;
    return n;
}

static void folding(void)
{
    char to[AW_FOLD_MAX + 1];
    fold("sub_Type", to);
    CHECK_STR(to, "subtype");
    fold(" \xC3\x96sterreich. ", to);
    CHECK_STR(to, "osterreich");
    fold("Stra\xC3\x9F\x65", to);
    CHECK_STR(to, "strasse");
    fold("C\xC3\xB4te d\xE2\x80\x99Ivoire", to);
    CHECK_STR(to, "cotedivoire");
    fold("\xD0\xA0\xD0\xA4", to);
    CHECK_STR(to, "\xD0\xA0\xD0\xA4");
    CHECK(fold("- ._", to) == 0);
    CHECK(fold("a\xFF", to) == 0);
    char longest[AW_FOLD_MAX + 2];
    memset(longest, 'a', sizeof longest);
    CHECK(aw_fold(guarded(longest, AW_FOLD_MAX), AW_FOLD_MAX, to, AW_FOLD_MAX) == AW_FOLD_MAX);
    CHECK(aw_fold(guarded(longest, AW_FOLD_MAX + 1), AW_FOLD_MAX + 1, to, AW_FOLD_MAX) == 0);

    /* The generated names are folded already, each is one country's, and each finds it. */
    int changed = 0, elsewhere = 0;
    for (size_t i = 0; i < aw_country_count; i++)
        for (const char *name = aw_countries[i].names; *name; name += strlen(name) + 1) {
            fold(name, to);
            changed += strcmp(name, to) != 0;
            elsewhere += aw_country_guess(name, strlen(name)) != &aw_countries[i];
        }
    CHECK(changed == 0);
    CHECK(elsewhere == 0);
}

static void distances(void)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } pairs[] = {{"", "", 0},
                 {"a", "", 1},
                 {"mobil", "mobile", 1},
                 {"mobiel", "mobile", 1},
                 {"work", "home", 3},
                 {"phnoe", "phone", 1},
                 {"email", "emial", 1},
                 {"abc", "cab", 2},
                 {"ca", "abc", 3},
                 {"kitten", "sitting", 3}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        size_t na = strlen(pairs[i].a), nb = strlen(pairs[i].b);
        CHECK(aw_distance(pairs[i].a, na, pairs[i].b, nb, 9) == pairs[i].distance);
        CHECK(aw_distance(pairs[i].b, nb, pairs[i].a, na, 9) == pairs[i].distance);
        if (pairs[i].distance > 0)
            CHECK(aw_distance(pairs[i].a, na, pairs[i].b, nb, pairs[i].distance - 1) > pairs[i].distance - 1);
    }
    char longest[AW_FOLD_MAX + 1];
    memset(longest, 'a', sizeof longest);
    CHECK(aw_distance(longest, AW_FOLD_MAX, longest, AW_FOLD_MAX, 0) == 0);
    CHECK(aw_distance(longest, AW_FOLD_MAX + 1, longest, AW_FOLD_MAX + 1, 0) == 1);
}

static void lines(void)
{
    char text[64];
    struct aw_line line = {text, sizeof text, 0, false};
    aw_line_quoted(&line, LITERAL("M\xC3\xBC\n\t\r\x01\x7F\0\xFF\xC2\x85\xE2\x80\xAE\xE2\x80\xA8"));
    text[line.n] = 0;
    CHECK_STR(text, "\"M\xC3\xBC\\n\\t\\r\\x01\\x7F\\x00\\xFF\\u{85}\\u{202E}\\u{2028}\"");
    line.n = 0;
    aw_line_escaped(&line, LITERAL("abcdef"), 3);
    aw_line_number(&line, 1000);
    text[line.n] = 0;
    CHECK_STR(text, "abc\xE2\x80\xA6"
                    "1000");

    /* Too small a buffer ends at a character's border, and nothing comes after the gap. */
    for (size_t size = 0; size <= 8; size++) {
        struct aw_line small = {text, size, 0, false};
        aw_line_text(&small, "a\xC3\xBC\xF0\x9F\x98\x80");
        aw_line_text(&small, "b");
        CHECK(small.n == (size < 1 ? 0 : size < 3 ? 1 : size < 7 ? 3 : size < 8 ? 7 : 8));
        CHECK(small.full == (size < 8));
    }
}

int main(void)
{
    every_code_point();
    every_sequence();
    strides();
    counting();
    white_space();
    cutting();
    guids();
    headers();
    looks();
    words();
    folding();
    distances();
    lines();
    return check_report();
}
