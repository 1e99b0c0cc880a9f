-- When two values are one: phones, e-mail addresses, URLs, addresses.
local normalise = require "awork.desired.normalise"

local function phone(value, country)
  return normalise.phone(value, normalise.numbering(country))
end

describe("phones", function()
  for _, case in ipairs {
    { "+4930123", nil, "+49 30 123", "0049 30 123", "+49 (0)30 123", "(+49) 30-123", "+49.30.123", "tel:+49-30-123",
      "\u{202A}+49\u{2011}30\u{2013}123\u{202C}", "\u{FF0B}\u{FF14}\u{FF19} 30 123", "\u{FEFF}+49\u{AD}30123",
      "+49030123", "  +49\u{A0}30 123 ", "+49 30 / 123", "00 49 30 123" },
    { "+4930123", "DE", "030/123", "030 123", "(030) 123", "+49 30 123", "0049-30-123" },
    { "+4930123", "49", "030/123" },
    { "+4930123", "+49", "030 123" },
    { "+12125550123", "US", "(212) 555-0123", "1-212-555-0123", "+1 212 555 0123", "212.555.0123" },
    { "+493012345", "US", "011 49 30 12345" },
    { "+39061234567", "IT", "06 1234567", "+39 06 1234567" },
    { "+74951234567", "RU", "8 495 1234567", "495 1234567", "+7 495 123-45-67" },
    { "+3612345678", "HU", "06 1 234 5678" },
    { "+4520123456", "DK", "20 12 34 56" },
    { "+493012345;12", nil, "+49 30 12345 ext. 12", "+49 30 12345 Durchwahl 12", "+49 30 12345 DW 12",
      "+49 30 12345 x12", "+49 30 12345 #12", "tel:+49-30-12345;ext=12", "+49 30 12345, Ext: 12" },
    { "030123", nil, "030/123", "030-123" },
    -- Local numbers, without an area code, belong to no country.
    { "4711", "DE", "4711", "47 11" },
    { "110", "DE", "110" },
    { "~0800 flowers", "DE", "0800 FLOWERS", " 0800  Flowers" },
    { "~büro 12", nil, "Büro 12" },
    { "~n/a", nil, "n/a", "N/A" },
    -- What is not understood is not left out: two numbers, a pause, a code.
    { "~030 1; 030 2", nil, "030 1; 030 2", " 030 1;  030 2 " },
    { "~030 12345 / 030 12346", nil, "030 12345 / 030 12346" },
    { "~030 1, 2", nil, "030 1, 2" },
    { "~+49 30 1 +49 30 2", nil, "+49 30 1 +49 30 2" },
    { "~*100#", nil, "*100#" },
    { "~tel:+49-30-1;ext=2;isub=3", nil, "tel:+49-30-1;ext=2;isub=3" },
    { "~", nil, "", " " },
  } do
    it("are one, as " .. case[1] .. (case[2] and " in " .. case[2] or ""), function()
      for i = 3, #case do
        assert.equal(case[1], phone(case[i], case[2]), case[i])
      end
    end)
  end

  it("are not one when a digit, the extension or the country is another", function()
    local keys = {}
    for _, value in ipairs { "+49 30 123", "+49 30 124", "+43 30 123", "030 123", "30 123", "+49 30 123 ext 1",
      "+49 30 123 ext 2" } do
      local key = phone(value)
      assert.is_nil(keys[key], value)
      keys[key] = value
    end
  end)

  it("know the countries", function()
    assert.same({ code = "49", trunk = "0" }, normalise.numbering "de")
    assert.same({ code = "49", trunk = "0" }, normalise.numbering "49")
    for _, wrong in ipairs { "XX", "Germany", "0", "9999", "", 49 } do
      assert.is_nil(normalise.numbering(wrong))
    end
    assert.is_nil(normalise.numbering(nil))
  end)
end)

describe("other values", function()
  it("of e-mail addresses are one but for capitals", function()
    assert.equal(normalise.email "Anna@example.org", normalise.email " Anna@EXAMPLE.org. ")
    assert.equal(normalise.email "Anna@example.org", normalise.email "mailto:Anna@example.org")
    assert.equal(normalise.email "Anna@example.org", normalise.email "anna@Example.ORG")
    assert.is_true(normalise.email_spelling "Anna@example.org" ~= normalise.email_spelling "anna@Example.ORG")
    assert.equal(normalise.email_spelling "Anna@example.org", normalise.email_spelling "Anna@Example.ORG")
    for small, capital in pairs { ["jörg"] = "JÖRG", ["žaneta"] = "ŽANETA", ["łukasz"] = "ŁUKASZ", ["ÿ"] = "Ÿ",
      ["ελένη"] = "ΕΛΈΝΗ", ["анна"] = "АННА", ["ђорђе"] = "ЂОРЂЕ" } do
      assert.equal(normalise.email(small .. "@example.org"), normalise.email(capital .. "@example.org"))
    end
    assert.is_true(normalise.email "jörg@example.org" ~= normalise.email "jorg@example.org")
    assert.is_true(normalise.email "a×@example.org" ~= normalise.email "a÷@example.org")
    assert.equal('"a@b"@example.org', normalise.email '"a@b"@EXAMPLE.org')
    assert.equal("no address", normalise.email " no  address")
  end)

  it("with a domain are one in Unicode and in ASCII", function()
    assert.equal(normalise.email "anna@münchen.de", normalise.email "Anna@xn--mnchen-3ya.de")
    assert.equal(normalise.email "anna@MÜNCHEN.de", normalise.email "Anna@XN--MNCHEN-3YA.DE.")
    assert.equal(normalise.email "a@straße.münchen.de", normalise.email "a@xn--strae-oqa.xn--mnchen-3ya.de")
    assert.equal(normalise.email "a@例え.テスト", normalise.email "a@xn--r8jz45g.xn--zckzah")
    assert.equal(normalise.url "https://MÜNCHEN.de:443/Ä", normalise.url "https://xn--mnchen-3ya.de:443/Ä")
    assert.is_true(normalise.email "a@muenchen.de" ~= normalise.email "a@münchen.de")
    -- What is no such label stays as it is.
    for _, label in ipairs { "xn--", "xn--99999999999", "xn--ü", "xn--" .. ("a"):rep(64),
      "xn--zzzzzzzzzzzzzzz" } do
      assert.equal("a@" .. label .. ".de", normalise.email("a@" .. label .. ".de"))
    end
  end)

  it("of URLs are one but for the case of scheme and host and a slash at the end", function()
    assert.equal(normalise.url "https://example.org/A", normalise.url "HTTPS://Example.ORG/A/")
    assert.equal("www.example.org", normalise.url "WWW.example.org/")
    assert.equal("http://U:p@host:80", normalise.url "HTTP://U:p@HOST:80/")
    assert.is_true(normalise.url "https://example.org/A" ~= normalise.url "https://example.org/a")
    assert.is_true(normalise.url "https://example.org" ~= normalise.url "http://example.org")
  end)

  it("of networks are taken as they are, unless they are URLs", function()
    local function key(value)
      return normalise.value_key { type = "social", value = value }
    end
    assert.equal(key "https://xing.com/a", key "https://XING.com/a/")
    assert.is_true(key "Anna" ~= key "anna")
  end)

  it("of addresses are one when line, zip code, city and country are", function()
    local function key(fields)
      fields.type = "address"
      return normalise.value_key(fields)
    end
    local here = key { addressLine1 = "Torstr. 1", zipCode = "10119", city = "Berlin", country = "DE" }
    assert.equal(here, key { addressLine1 = " Torstr.  1 ", zipCode = "10119", city = "Berlin", country = "de",
      addressLine2 = "Hof A", state = "Berlin" })
    assert.is_true(here ~= key { addressLine1 = "Torstr. 1", zipCode = "10119", city = "Berlin", country = "AT" })
    assert.equal(here, normalise.value_key { isAddress = true, addressLine1 = "Torstr. 1", zipCode = "10119",
      city = "Berlin", country = "DE" })
  end)

  it("are told apart by type, and custom ones by label", function()
    assert.is_true(normalise.group_key { type = "phone", value = "1" } ~= normalise.group_key { type = "email",
      value = "1" })
    assert.is_true(normalise.group_key { type = "custom", label = "A", value = "1" }
      ~= normalise.group_key { type = "custom", label = "B", value = "1" })
    assert.equal(normalise.group_key { type = "custom", label = "A ", value = " 1" },
      normalise.group_key { type = "custom", label = "A", value = "1" })
  end)

  it("survive what is no text", function()
    for _, odd in ipairs { 7, true, {}, function() end } do
      for _, kind in ipairs { "phone", "email", "urls", "social", "custom", "address", "?" } do
        assert.is_string(normalise.group_key { type = kind, value = odd, label = odd, addressLine1 = odd })
      end
      assert.is_string(normalise.group_key { type = odd, value = odd })
    end
    assert.is_string(normalise.group_key {})
  end)
end)
