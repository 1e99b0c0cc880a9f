-- CSV as people have it: what programs, spreadsheets and hands make of names, numbers and addresses. Each case is one
-- of a kind: the right value, or a finding that names row and column; never a value changed or lost without a word.
local awork = require "awork"
local format = require "awork.format"
local headers = require "support.headers"
local people = require "support.people"
local plans = require "awork.format.csv_plan"

local FIELDS = { "addressLine1", "addressLine2", "zipCode", "city", "state", "country" }

local function shown(info)
  local parts = { info.type .. "/" .. (info.subType or "-"), info.value }
  for _, field in ipairs(FIELDS) do
    if info.type == "address" then parts[#parts + 1] = info[field] or "-" end
  end
  return table.concat(parts, " ")
end

-- All of a file: the contact infos of everybody but the first column's address, and what is found: "row column".
local function read(text, opts)
  local infos, found, reader = {}, {}, format.csv.read({ text = text }, opts)
  for person, err in reader do
    if person then
      for i, info in ipairs(person.contact_infos) do
        if i > 1 then infos[#infos + 1] = shown(info) end
        local ok, problem = awork.validate(info)
        for _, violation in ipairs(not ok and problem.violations or problem or {}) do
          found[#found + 1] = format.where(person, i, violation.property):gsub("row (%d+), column '(.*)'", "%1 %2")
        end
      end
    else
      found[#found + 1] = ("%s %s"):format(err.row, err.column)
    end
  end
  for _, warning in ipairs(reader.warnings) do
    if warning.row then found[#found + 1] = ("%s %s"):format(warning.row, warning.column) end
  end
  return infos, found, reader
end

-- One cell under a header: what becomes of it, and what is said.
local function cell(header, text)
  return read(('E-Mail,%s\na@example.com,"%s"\n'):format(header, (text:gsub('"', '""'))))
end

-- Infos and findings alone.
local function both(text)
  local infos, found = read(text)
  return infos, found
end

local function both_of(header, text)
  local infos, found = cell(header, text)
  return infos, found
end

describe("two values in one cell", function()
  local A, B = "+49 30 1234567", "+49 170 7654321"

  it("are two phones, whatever stands between them", function()
    for _, between in ipairs { "; ", ";", " / ", "/", ", ", ",", " | ", "\n", "\r\n", "\t", " und ", " oder ", " or ",
      " and ", " & ", " u. ", " bzw. ", " ::: ", " " } do
      assert.same({ "phone/work " .. A, "phone/work " .. B }, (cell("Telefon", A .. between .. B)), between)
    end
    local both_numbers = { "phone/work 030/1234567", "phone/work 0170/7654321" }
    assert.same({ "phone/work 030 1234567", "phone/work 0170 7654321" }, (cell("Telefon", "030 1234567, 0170 7654321")))
    assert.same(both_numbers, (cell("Telefon", "030/1234567, 0170/7654321")))
    assert.same(both_numbers, (cell("Telefon", "030/1234567;0170/7654321")))
    assert.same({ "phone/work " .. A }, (cell("Telefon", A .. ";")))
    assert.same({ "phone/work " .. A, "phone/work " .. B }, (cell("Telefon", "'" .. A .. "; '" .. B)))
  end)

  it("are one where a slash, a comma or a semicolon belongs to the number", function()
    for _, number in ipairs { "030/1234567", "030 / 1234567", "0170 / 7654321", "+49 30/123-45", "+49 (0)30 / 1234567",
      "+49 5251/123456", "+49 30 1234567,12", "+49 30 1234567;ext=12", "030 1234567 / 68", "(030) 1234567",
      "030.1234567", "+1 (212) 555-0100 x12", "tel:+49301234567", "tel: +49 30 1234567", "(+49) 30 1234567" } do
      assert.same({ "phone/work " .. number }, (cell("Telefon", number)))
    end
  end)

  it("are a finding where it can't be told", function()
    for _, numbers in ipairs { "1234567 / 7654321", "030 1234567 oder Zentrale", "+49 30 1234567 und 68",
      "030 123456, 654321" } do
      local infos, found = cell("Telefon", numbers)
      assert.same({ {}, { "2 Telefon" } }, { infos, found }, numbers)
    end
  end)

  it("are refused with the characters that cells get around them", function()
    for number, code in pairs { ['"030 1234567"'] = "0022", ["'030 1234567'"] = "0027", ["„030 1234567“"] = "201E",
      ["<030 1234567>"] = "003C", ["=030 1234567="] = false, ["‘030 1234567’"] = "2018", ["030 1234567?"] = "003F" } do
      local _, err = format.csv.decode(('E-Mail;Telefon\na@x.org;"%s"\n'):format((number:gsub('"', '""'))))
      assert.equal("Telefon", err.column, number)
      if code then assert.matches("U+" .. code, err.message, 1, true) end
    end
  end)

  it("are two addresses of mail", function()
    for _, between in ipairs { "; ", ";", ", ", ",", " / ", " | ", "\n", " und ", " oder ", " ::: ", " " } do
      assert.same({ "email/private b@example.org", "email/private c@example.net" },
        (cell("E-Mail privat", "b@example.org" .. between .. "c@example.net")), between)
    end
    for _, doubtful in ipairs { "Bea <b@example.org>; Cea <c@example.net>", "b@example.org; c@",
      "b@example.org und c" } do
      local _, found = cell("E-Mail privat", doubtful)
      assert.same({ "2 E-Mail privat" }, found, doubtful)
    end
  end)

  it("are two URLs or accounts, or a finding", function()
    for _, between in ipairs { "; ", ", ", "\n", " | ", " ", " und ", " ::: " } do
      assert.same({ "urls/work https://a.example", "urls/work https://b.example/x" },
        (cell("Webseite", "https://a.example" .. between .. "https://b.example/x")), between)
    end
    assert.same({ "urls/work https://a.example/x,y;z" }, (cell("Webseite", "https://a.example/x,y;z")))
    for _, between in ipairs { " ", "\n", " und ", ", ", "; " } do
      assert.same({ "social/linkedIn https://a.example/in/a", "social/linkedIn https://a.example/in/b" },
        (cell("LinkedIn", "https://a.example/in/a" .. between .. "https://a.example/in/b")), between)
    end
    for _, between in ipairs { "; ", ",", "\n", " | ", " / ", " ::: " } do
      assert.same({ "messenger/skype ada.a", "messenger/skype ada.b" },
        (cell("Skype", "ada.a" .. between .. "ada.b")), between)
    end
    assert.same({ "2 Skype" }, select(2, cell("Skype", "ada und bea")))
    assert.same({ "2 Skype" }, select(2, cell("Skype", "Albrecht, Ada Maria")))
    assert.same({ "messenger/whatsapp +49 170 1234567", "messenger/whatsapp +49 170 7654321" },
      (cell("WhatsApp", "+49 170 1234567; +49 170 7654321")))
  end)

  it("of an address are two addresses (Google), or a finding", function()
    local head = "E-mail 1 - Value,Address 1 - Label,Address 1 - Street,Address 1 - City,Address 1 - Postal Code,"
      .. "Address 1 - Country\n"
    assert.same({ { "address/home Markt 1 - 10115 Berlin - DE", "address/home Ring 2 - 04109 Leipzig - DE" }, {} },
      { both(head .. "a@x.org,Home,Markt 1 ::: Ring 2,Berlin ::: Leipzig,10115 ::: 04109,Germany ::: Germany\n") })
    assert.same({ "2 Address 1 - City" },
      select(2, read(head .. "a@x.org,Home,Markt 1 ::: Ring 2,Berlin,10115 ::: 04109,Germany ::: Germany\n")))
    assert.same({ "2 PLZ" }, select(2, read "E-Mail,Straße,PLZ,Ort,Land\na@x.org,Markt 1,10115; 04109,Berlin,DE\n"))
    for _, zips in ipairs { "10115 / 04109", "10115/04109", "10115, 04109" } do
      local text = ("E-Mail;Straße;PLZ;Ort;Land\na@x.org;Markt 1;%s;Berlin;DE\n"):format(zips)
      assert.same({ "2 PLZ" }, select(2, read(text)))
    end
    assert.same({ "2 Ort" }, select(2, read 'E-Mail,Straße,PLZ,Ort,Land\na@x.org,Markt 1,10115,"Berlin\nBonn",DE\n'))
    assert.same({ { "address/work Weg 1 - 15230 Frankfurt/Oder - DE" }, {} },
      { both "E-Mail,Straße,PLZ,Ort,Land\na@x.org,Weg 1,15230,Frankfurt/Oder,DE\n" })
  end)
end)

describe("the whole address beside its parts (Google's CSV for Outlook)", function()
  it("is left out, and is a finding where the parts are empty", function()
    for header, subtype in pairs {
      ["E-mail Address,Home Address,Home Street,Home City,Home Postal Code,Home Country"] = "home",
      ["E-Mail,Geschäftsadresse,Geschäftlich: Straße,Geschäftlich: Ort,Geschäftlich: PLZ,Geschäftlich: Land"] = "work",
      ["E-Mail,Anschrift,Straße,Ort,PLZ,Land"] = "work",
    } do
      local row = '\na@x.org,"Markt 1\n10115 Berlin",%s\n'
      assert.same({ { ("address/%s Markt 1 - 10115 Berlin - DE"):format(subtype) }, {} },
        { both(header .. row:format "Markt 1,Berlin,10115,DE") }, header)
      assert.same({ {}, { "2 " .. header:match ",([^,]+)" } }, { both(header .. row:format ",,,") }, header)
    end
    assert.same({ "address/home Markt 1 - 10115 Berlin - DE" }, -- without a street's column it is the street's
      (read "E-mail Address,Home Address,Home City,Home Postal Code,Home Country\na@x.org,Markt 1,Berlin,10115,DE\n"))
  end)
end)

describe("columns that must be filled in", function()
  it("are what they are without the word for it", function()
    for _, mark in ipairs { " (Pflicht)", "*", " *", " (required)", " [Required]", "(erforderlich)" } do
      local text = ("E-Mail%s;Vorname%s;Telefon%s;E-Mail (privat)\na@x.org;Ada;+49 30 1;b@x.org\n"):gsub("%%s", mark)
      local person = assert(format.csv.decode(text))[1]
      assert.same({ "a@x.org", "Ada", 3 }, { person.user, person.firstName, #person.contact_infos }, mark)
    end
  end)
end)

describe("what spreadsheets and databases put into cells", function()
  it("is taken away where it only stands around the text", function()
    for _, number in ipairs { '="+49 30 1234567"', "'+49 30 1234567", "=+49 30 1234567" } do
      assert.same({ "phone/work +49 30 1234567" }, (cell("Telefon", number)), number)
    end
    assert.same({ "phone/work 01707654321" }, (cell("Telefon", '="01707654321"')))
    assert.same({ "phone/work 01707654321" }, (cell("Telefon", "=01707654321")))
    assert.same({ "email/private b@example.org" }, (cell("E-Mail privat", '="b@example.org"')))
    assert.same({ "address/work Markt 1 - 01067 Dresden - DE" },
      (read "E-Mail;Straße;PLZ;Ort;Land\na@x.org;=\"Markt 1\";'01067;=\"Dresden\";=\"DE\"\n"))
    assert.same({ "address/work Markt 1 - 10115 Berlin - DE" },
      (read "E-Mail;Straße;PLZ;Ort;Land\na@x.org;'Markt 1;'10115;'Berlin;'DE\n"))
    assert.same({ "address/work 't Zand 1 - 1234 AB 's-Hertogenbosch - NL" },
      (read "E-Mail;Straße;PLZ;Ort;Land\na@x.org;'t Zand 1;1234 AB;'s-Hertogenbosch;NL\n")) -- not a spreadsheet's
    assert.same({ "messenger/skype ada.a" }, (cell("Skype", "'ada.a")))
    assert.same({ "email/private b@example.org" }, (cell("E-Mail privat", "'b@example.org")))
    local person = format.csv.decode('="E-Mail";="Vorname";\'Nachname\n="a@x.org";="Ada";="O\'Neill"\n')[1]
    assert.same({ "a@x.org", "Ada", "O'Neill" }, { person.user, person.firstName, person.lastName })
  end)

  it("is refused where digits or the value are lost", function()
    for _, broken in ipairs { "491707654321.0", "493012345670,00", "4,91E+11", "4.91707654321E+11", "#N/A", "#NV",
      "#WERT!", "#REF!", "#NAME?", "#BEZUG!", "#ÜBERLAUF!", "#SPILL!", "#####", "Err:502", "=A1",
      '=HYPERLINK("tel:1";"1")', "=SUMME(A1)", "491,707,654,321", "System.String[]" } do
      assert.same({ {}, { "2 Telefon" } }, { both_of("Telefon", broken) }, broken)
    end
    for _, header in ipairs { "E-Mail privat", "Webseite", "Skype", "LinkedIn", "Vorname", "Name", "custom:-" } do
      for _, broken in ipairs { "#N/A", "#WERT!", "#####", "=A1" } do -- in every cell
        assert.same({ {}, { "2 " .. header } }, { both_of(header, broken) }, broken)
      end
    end
    for _, broken in ipairs { "1067.0", "1,0E+04", "10115,00", "10.115", "1.067", "#NV" } do
      local text = ("E-Mail;Straße;PLZ;Ort;Land\na@x.org;x;%s;Dresden;DE\n"):format(broken)
      assert.same({ "2 PLZ" }, select(2, read(text)))
    end
    assert.same({ "2 Hausnummer" }, select(2, read "E-Mail;Straße;Hausnummer\na@x.org;Weg;12.0\n"))
  end)

  it("is no header: a line with the type of what PowerShell has written", function()
    for _, line in ipairs { "#TYPE System.Object\n", '"#TYPE Selected.ADUser"\r\n' } do
      local persons = assert(format.csv.decode(line .. '"Mail","OfficePhone"\n"a@x.org","+49 30 1234567"\n'))
      assert.same({ "+49 30 1234567", 3 }, { persons[1].contact_infos[2].value, persons[1].source.line })
    end
  end)

  it("is refused where a check box was exported", function()
    for _, header in ipairs { "Telefon", "E-Mail privat", "Webseite", "Skype", "LinkedIn" } do
      for _, word in ipairs { "TRUE", "FALSE", "WAHR", "FALSCH" } do
        assert.same({ {}, { "2 " .. header } }, { both_of(header, word) }, word)
      end
    end
    assert.equal("True", format.csv.decode("E-Mail,Nachname\na@x.org,True\n")[1].lastName)
  end)

  it("is none where it says so, and that is said once for a column", function()
    for _, nothing in ipairs { "n/a", "N/A", "-", "--", "–", "NULL", "(null)", "None", "k.A.", "k. A.", "keine",
      "Keine",      "unbekannt", "unknown", "nan", "NaN", "undefined", "nicht vorhanden", "<null>", '="n/a"',
        "\u{A0}-\u{A0}" } do
      for _, header in ipairs { "Telefon", "E-Mail privat", "Webseite", "Skype", "LinkedIn" } do
        assert.same({ {}, { "2 " .. header } }, { both_of(header, nothing) }, nothing)
      end
    end
    local _, found = read "E-Mail,Telefon\na@x.org,-\nb@x.org,-\nc@x.org,n/a\n"
    assert.same({ "2 Telefon", "4 Telefon" }, found)
  end)

  it("is no country, no town and no street, and never a person without a name", function()
    local head = "E-Mail;Straße;PLZ;Ort;Land\n"
    for _, nothing in ipairs { "n/a", "N/A", "-", "k.A.", "NULL", "unbekannt", "None" } do
      local infos, found = read(head .. "a@x.org;Markt 1;10115;Berlin;" .. nothing .. "\n")
      assert.same({ "address/work Markt 1 - 10115 Berlin - -" }, infos)
      assert.same({ "2 Land", "2 Land" }, found)
    end
    assert.same({ {}, {} }, { both(head .. "a@x.org;;;;\n") })
    local infos, found = read(head .. "a@x.org;-;10115;Berlin;DE\n")
    assert.same({ { "address/work - - 10115 Berlin - DE" }, { "2 Straße", "2 Straße" } }, { infos, found })
    -- There is a town called None; an apostrophe says that it is meant.
    assert.same({ "2 Ort" }, select(2, read(head .. "a@x.org;Via Roma 1;10060;None;IT\n")))
    assert.same({ { "address/work Via Roma 1 - 10060 None - IT" }, {} },
      { both(head .. "a@x.org;Via Roma 1;10060;'None;IT\n") })
    for _, name in ipairs { "Null", "None", "Keine", "NULL", "Nan", "'t Hooft", "O'Neill", "1E5" } do
      local person = format.csv.decode("E-Mail;Vorname;Nachname\na@x.org;Ada;" .. name .. "\n")[1]
      assert.same({ "Ada", name }, { person.firstName, person.lastName })
    end
  end)
end)

describe("the columns of one address", function()
  local function one(text) return (read(text)) end

  it("find each other, whatever mix of them says of which", function()
    for header, expected in pairs {
      ["Straße;Hausnummer;PLZ;Wohnort;Land"] = "home", ["Wohnort;Straße;Hausnummer;PLZ;Land"] = "home",
      ["Straße privat;Hausnummer;PLZ;Ort;Land"] = "home", ["Straße;Hausnummer;PLZ;Ort privat;Land"] = "home",
      ["Straße;Hausnummer;PLZ;Ort;Land"] = "work", ["Straße;Hausnummer;PLZ geschäftlich;Ort;Land"] = "work",
      ["Straße;Haus-Nr.;Postleitzahl;Stadt;Staat"] = "work", ["Land;Ort;PLZ;Straße;Hausnummer"] = "work",
      ["Privatstraße;Hausnummer;PLZ;Ort;Land"] = "home", ["Weitere Straße;Hausnummer;PLZ;Ort;Land"] = "other",
    } do
      local cells = {}
      for name in header:gmatch "[^;]+" do
        local folded = name:lower()
        cells[#cells + 1] = folded:find "stra" and "Markt" or folded:find "^haus" and "1" or folded:find "plz"
          and "10115" or folded:find "postl" and "10115" or (folded:find "ort" or folded:find "stadt")
            and "Berlin" or "DE"
      end
      assert.same({ "address/" .. expected .. " Markt 1 - 10115 Berlin - DE" },
        one("E-Mail;" .. header .. "\na@x.org;" .. table.concat(cells, ";") .. "\n"), header)
    end
  end)

  it("keep two addresses apart", function()
    assert.same({ "address/work Markt 1 - 10115 Berlin - DE", "address/home Ring 2 - 04109 Leipzig - AT" }, one(
      "E-Mail;Straße;PLZ;Ort;Land;Straße privat;PLZ privat;Ort privat;Land privat\n"
      .. "a@x.org;Markt 1;10115;Berlin;DE;Ring 2;04109;Leipzig;AT\n"))
    assert.same({ "address/work Markt 1 - 10115 Berlin - DE", "address/home Ring 2 - 04109 Leipzig - AT" }, one(
      "E-Mail;Adresse geschäftlich;PLZ;Ort;Land;Adresse privat;PLZ;Ort;Land\n"
      .. "a@x.org;Markt 1;10115;Berlin;DE;Ring 2;04109;Leipzig;AT\n"))
    assert.same({ "address/work Markt 1 - 10115 Berlin - DE", "address/work Ring 2 - 04109 Leipzig - AT" }, one(
      "E-Mail;Straße;PLZ;Ort;Land;Straße 2;PLZ 2;Ort 2;Land 2\n"
      .. "a@x.org;Markt 1;10115;Berlin;DE;Ring 2;04109;Leipzig;AT\n"))
  end)

  it("leave out, with a warning, what may belong to either", function()
    local infos, _, reader = read("E-Mail;Straße geschäftlich;PLZ geschäftlich;Ort geschäftlich;Straße privat;"
      .. "PLZ privat;Ort privat;Land\na@x.org;Markt 1;10115;Berlin;Ring 2;04109;Leipzig;DE\n")
    assert.same({ "address/work Markt 1 - 10115 Berlin - -", "address/home Ring 2 - 04109 Leipzig - -" }, infos)
    assert.same({ "Land" }, { reader.warnings[1].column })
    assert.matches("which address", reader.warnings[1].message)
  end)

  it("are not those of an office's town, nor of a home's, beside a whole address", function()
    for _, header in ipairs { "Büro Ort;Straße;PLZ;Ort;Land", "Work City;Street;Zip;City;Country",
      "Wohnort;Straße;PLZ;Ort;Land", "Ort privat;Adresse;PLZ;Ort;Land" } do
      local infos, _, reader = read("E-Mail;" .. header .. "\na@x.org;Hamburg;Markt 1;10115;Berlin;DE\n")
      assert.same({ "address/work Markt 1 - 10115 Berlin - DE" }, infos, header)
      assert.equal(1, #reader.warnings)
    end
  end)

  it("have house numbers by many names, and days are none", function()
    for _, number in ipairs { "Hausnummer", "Haus-Nr.", "Nr.", "Nr", "No.", "HNr.", "House No", "Street Number" } do
      assert.same({ "address/work Markt 3-5 - 10115 Berlin - DE" },
        one("E-Mail;Straße;" .. number .. ";PLZ;Ort;Land\na@x.org;Markt;3-5;10115;Berlin;DE\n"), number)
    end
    for _, day in ipairs { "03. Mai", "5-Mar", "Mrz 05", "03.05.2026", "2026-05-03", "3-May" } do
      assert.same({ "2 Hausnummer" },
        select(2, read("E-Mail;Straße;Hausnummer;PLZ;Ort;Land\na@x.org;Markt;" .. day .. ";10115;Berlin;DE\n")), day)
    end
    assert.same({ "address/work Markt 3 a - 10115 Berlin - DE" },
      one "E-Mail;Straße;Hausnummer;PLZ;Ort;Land\na@x.org;Markt;3 a;10115;Berlin;DE\n")
  end)

  it("are no place of work, nor what is left of an address without a street", function()
    for _, place in ipairs { "Arbeitsort", "Dienstort", "Einsatzort", "Standort", "Work Location", "Place of Work" } do
      assert.same({ "address/work Markt 1 - 10115 Berlin - DE" },
        one(("E-Mail;%s;Straße;PLZ;Ort;Land\na@x.org;Hamburg;Markt 1;10115;Berlin;DE\n"):format(place)), place)
    end
    assert.same({}, one "E-Mail;Ort;Land\na@x.org;Berlin;DE\n")
  end)

  it("make further lines of a street the second line, in their order", function()
    for _, header in ipairs { "Straße geschäftlich,Straße geschäftlich 2,Straße geschäftlich 3",
      "Business Street,Business Street 2,Business Street 3", "Straße,Straße 2,Straße 3", "Adresse,Adresse 2,Adresse 3",
      "Address Line 1,Address Line 2,Address Line 3", "Straße,Adresszusatz,Straße 3" } do
      assert.same({ "address/work Markt 1 Hof A, 3. OG 10115 Berlin - DE" }, one("E-Mail," .. header
        .. ",PLZ,Ort,Land\na@x.org,Markt 1,Hof A,3. OG,10115,Berlin,Deutschland\n"), header)
    end
    assert.same({ "address/work Markt 1 Hof A, 3. OG 10115 Berlin - DE" },
      one 'E-Mail,Straße,PLZ,Ort,Land\na@x.org,"Markt 1\r\nHof A\r\n3. OG",10115,Berlin,DE\n')
    assert.same({ "address/work Markt 1 3. OG 10115 Berlin - DE" }, one("E-Mail,Straße 3,Straße 2,Straße,PLZ,Ort,Land\n"
      .. "a@x.org,3. OG,,Markt 1,10115,Berlin,DE\n"))
  end)

  it("are read as Outlook's further address", function()
    assert.same({ "address/other Markt 1 - 10115 Berlin Berlin DE" }, one("E-Mail-Adresse,Weitere Straße,Weiterer Ort,"
      .. "Weiteres/r Bundesland/Kanton,Weitere Postleitzahl,Weiteres/e Land/Region\n"
      .. "a@x.org,Markt 1,Berlin,Berlin,10115,Deutschland\n"))
    assert.same({ "address/other Markt 1 - 10115 Berlin BE DE" }, one("E-mail Address,Other Street,Other City,"
      .. "Other State,Other Postal Code,Other Country/Region\na@x.org,Markt 1,Berlin,BE,10115,Germany\n"))
  end)

  it("are a finding where there is the formatted text alone", function()
    for _, header in ipairs { "Address 1 - Formatted", "Address 1 - Formatted,Address 1 - Street" } do
      local _, found = read("E-mail 1 - Value," .. header .. '\na@x.org,"Markt 1\n10115 Berlin"' .. "\n")
      assert.same({ "2 Address 1 - Formatted" }, found)
    end
  end)
end)

describe("the headers of programs", function()
  for _, case in ipairs(headers) do
    it("are understood: " .. case[1], function()
      local names, expected = {}, {}
      for item in case[2]:gsub("%s+", " "):gmatch "[^;]+" do
        local name, what = item:match "^ ?(.-) = (.-) ?$"
        name = name or item:match "^ ?(.-) ?$"
        if not what and name:find " %?$" then name, what = name:sub(1, -3), "?" end
        names[#names + 1] = name
        expected[#names] = what or false
      end
      local plan, warnings = plans.compile(names, {}, nil, 2)
      local found = {}
      for i = 1, #names do found[i] = false end
      for field, i in pairs(plan.person) do found[i] = field end
      for _, producer in ipairs(plan.infos) do
        local kind = producer.type .. ":" .. producer.subType
        if producer.index then found[producer.index] = kind end
        for _, part in ipairs(producer.fields or {}) do found[part.index] = kind .. ":" .. part.field end
      end
      for _, unknown in ipairs(plan.unknown) do
        for i, name in ipairs(names) do
          if name == unknown.name then found[i] = "?" end
        end
      end
      for i, name in ipairs(names) do assert.equal(expected[i], found[i], name) end
      -- Each column that gives nothing is said, but for Google's that say of what kind another is.
      local said = {}
      for _, warning in ipairs(warnings) do said[warning.column] = true end
      for i, name in ipairs(names) do
        local label = name:find "^[EPAWI]%S* %d %- [TLSF]" and not name:find "^Event" or false
        assert.equal(not found[i] and not label or found[i] == "?", said[name] or false, name)
      end
    end)
  end

  it("typed by hand are understood, abbreviated too", function()
    local columns = require "awork.format.columns"
    for name, expected in pairs {
      ["Tel. dienstl."] = "phone:work", ["E-Mail geschäftl."] = "email:work", ["E-Mail priv."] = "email:private",
      ["Firmen-E-Mail"] = "email:work", ["Straße u. Hausnr."] = "address:work:addressLine1",
      ["Str./Nr."] = "address:work:addressLine1", ["Street & No"] = "address:work:addressLine1",
      ["Land (ISO)"] = "address:work:country", ["work_email"] = "email:work", ["Cell #"] = "phone:mobile",
      ["Phone (Work)"] = "phone:work", ["Telefon Festnetz privat"] = "phone:home", ["Twitter/X"] = "social:twitter",
      ["Home Address: ZIP"] = "address:home:zipCode", ["WhatsApp-Nummer"] = "messenger:whatsapp",
    } do
      local spec = columns.find(name)
      assert.is_table(spec, name)
      spec.subType = spec.subType or "work"
      assert.equal(expected, columns.name(spec), name)
    end
    assert.same({ person = "firstName" }, columns.find "Vorname(n)")
  end)

  it("that are in doubt are left out, never guessed into a name or a value", function()
    local columns = require "awork.format.columns"
    for _, name in ipairs { "Employee #", "Employee No.", "Mitarbeiter-Nr.", "Mitarbeiter #", "Employee", "Mitarbeiter",
      "Name #", "Mobile?", "Newsletter per E-Mail?", "E-Mail Typ", "E-Mail verified", "Phone Country Code",
      "Phone Type",      "Telefon Vorwahl", "IP Address", "Billing Street", "Rechnungsadresse E-Mail", "Geburtsland",
        "Bankname", "Site",
      "Telefon Assistent", "Asst. Phone", "Manager Email", "E-Mail Vorgesetzte", "Emergency Phone", "Recovery Email",
      "l", "st", "c", "co" } do
      assert.is_nil(columns.find(name), name)
    end
    local person = format.csv.decode "Employee #,First Name,Last Name,Work Email\n1001,Ada,Albrecht,a@x.org\n"[1]
    assert.same({ "Ada", "Albrecht" }, { person.firstName, person.lastName })
  end)

  it("with a whole name beside its parts give the parts", function()
    for header, cells in pairs {
      ["Name,Given Name,Additional Name,Family Name"] = "Ada Maria Albrecht,Ada,Maria,Albrecht",
      ["Display Name,First Name,Last Name"] = "A. Albrecht,Ada,Albrecht",
      ["Vorname,Nachname,Name"] = "Ada,Albrecht,Albrecht A.", ["Name,Vorname"] = "Albrecht,Ada",
    } do
      local person = format.csv.decode(header .. ",E-Mail\n" .. cells .. ",a@x.org\n")[1]
      assert.same({ "Ada", "Albrecht" }, { person.firstName, person.lastName }, header)
    end
  end)

  it("and labels that say somebody else are left out with a warning", function()
    local infos, found = read("E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value\n"
      .. "a@x.org,Assistant,+49 30 1234567,Mobile,+49 170 7654321\n")
    assert.same({ { "phone/mobile +49 170 7654321" }, { "2 Phone 1 - Label" } }, { infos, found })
  end)
end)

describe("odd rows and files", function()
  it("with a cell under no name say so, once, and keep what it may be", function()
    local text = "E-Mail;Telefon;;\na@x.org;1234;;\nb@x.org;5678;x;\nc@x.org;9012;y;\n"
    local infos, found, reader = read(text)
    assert.same({ "phone/work 1234", "phone/work 5678", "phone/work 9012" }, infos)
    assert.same({ "3 3, without a name" }, found)
    assert.equal(1, #reader.warnings)
    assert.equal("", format.csv.decode(text)[3].source.unknown[1].name)
    assert.same({}, select(2, read(text, { ignore_columns = { "" } })))
    assert.same({}, select(2, read "E-Mail;Telefon;;\na@x.org;1234;;\n"))
  end)

  it("of white space alone are blank", function()
    assert.same({ { "phone/work 1234" }, {} },
      { both "E-Mail;Telefon\na@x.org;1234\n ; \n\u{A0};\t\n;\n \n\t;\u{A0};;\n" })
  end)

  it("may name the separator, in quotes or not", function()
    for _, first in ipairs { '"sep=;"', "sep=;", "SEP=;", '"sep=;";', "\u{FEFF}sep=;" } do
      for _, eol in ipairs { "\n", "\r\n" } do
        assert.same({ { "phone/work 1234" }, {} }, { both(first .. eol .. "E-Mail;Telefon" .. eol .. "a@x.org;1234") })
      end
    end
  end)

  it("with a NUL byte are refused with row and column, and the others read", function()
    local infos, found = read "E-Mail;Telefon\na@x.org;1234\nb@x.org;5678\0\nc@x.org;9012\n"
    assert.same({ { "phone/work 1234", "phone/work 9012" }, { "3 Telefon" } }, { infos, found })
    local _, err = format.csv.decode "E-Mail;Tele\0fon\na@x.org;1234\n"
    assert.same({ "encoding", true }, { err.code, err.fatal })
  end)

  it("that are workbooks are told so", function()
    for _, head in ipairs { "PK\3\4\20\0\6\0", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" } do
      local _, err = format.csv.decode(head .. ("\0x"):rep(100))
      assert.matches("workbook", err.message)
    end
  end)

  it("with nobody in them are refused: a failed export is not nothing to do", function()
    for _, text in ipairs { "", "\n\n", " ", "\u{FEFF}", "\u{FEFF} \r\n", "E-Mail,Telefon", "E-Mail,Telefon\n",
      "E-Mail,Telefon\n\n , \n", "sep=;\nE-Mail;Telefon\n" } do
      local persons, err = format.csv.decode(text)
      assert.is_nil(persons)
      assert.same({ "format", "empty", true }, { err.kind, err.code, err.fatal }, text)
    end
  end)
end)

describe("a file with nothing in it", function()
  it("is refused in every format", function()
    for _, name in ipairs { "csv", "vcard", "scim", "json" } do
      for _, text in ipairs { "", "\u{FEFF}", " \r\n\t\n" } do
        local persons, err = format[name].decode(text)
        assert.same({ "nil", "format", "empty", true }, { type(persons), err.kind, err.code, err.fatal })
      end
    end
    for _, extension in ipairs { "csv", "vcf", "json", "scim.json", "jsonl" } do
      local path = os.tmpname()
      local file = path .. "." .. extension
      assert(io.open(file, "wb")):close()
      local persons, err = format.load(file)
      os.remove(path)
      os.remove(file)
      assert.same({ "nil", "empty" }, { type(persons), err.code })
    end
  end)
end)

describe("a cell that a spreadsheet could take for a formula", function()
  local EVIL = { "=1+1", 'x;=HYPERLINK("http://evil.example")', "x\n=1+1", "x\t=1+1", " =1+1", "\u{FF1D}1+1",
    "\u{A0}=1+1", "\n=1+1", "|=1+1", "x,=1", "x\r=1", "x|@SUM(A1)", "x;\u{FF20}a", 'x;"=1', "x; \u{FEFF}+a",
      "x\r\n-a", ";;=a",
    "x;'=1",    "''=1", "x;''+a", "'x;=1", "\u{200B}=1", "x;-2+3+cmd|' /C calc'!A0" }

  -- What a spreadsheet with another separator makes of a file: none of its cells may begin with a sign.
  local function has_formula(text)
    for part in text:gmatch "[^,;\t|\r\n]+" do
      local rest = part:gsub('^[ "]+', ""):gsub("^\u{A0}", ""):gsub("^\u{FEFF}", ""):gsub("^\u{200B}", "")
      if rest:find "^[=@]" or rest:find "^[-+].*%a" or rest:find "^\xEF\xBC[\x9D\x8B\x8D\xA0]" then return part end
    end
  end

  it("is disarmed in each of its parts, and comes back as it was", function()
    for _, separator in ipairs { ",", ";", "\t", "|" } do
      for _, evil in ipairs(EVIL) do
        for _, kind in ipairs { "custom", "phone", "social" } do
          local person = { user = "u@example.com", firstName = evil, lastName = evil,
            contact_infos = { { type = kind, subType = "other", label = evil, value = evil } } }
          local text = format.csv.encode({ person }, { separator = separator })
          assert.is_nil(has_formula(text), evil)
          local back = format.csv.decode(text, { separator = separator, trim = false })[1]
          assert.same({ evil, evil, evil, evil },
            { back.firstName, back.lastName, back.contact_infos[1].label, back.contact_infos[1].value })
        end
      end
    end
    local name = "custom:x;=1+1"
    assert.is_nil(has_formula(format.csv.encode { { user = "u@example.com",
      contact_infos = { { type = "custom", subType = "x;=1+1", value = name } } } }))
  end)

  it("is read as it was written, with the white space before a formula", function()
    for _, space in ipairs { " ", "\u{A0}", "\t", "\n", "\r\n", "  \u{2003}" } do
      for _, formula in ipairs { "=1+1", "+1+cmd|' /C calc'!A0", "-1+1", "@SUM(1)", "\u{FF1D}1+1" } do
        local value = space .. formula
        local text = format.csv.encode { { user = "u@example.com", contact_infos = { { type = "custom", label = "l",
          value = value } } } }
        assert.equal(value, assert(format.csv.decode(text))[1].contact_infos[1].value)
      end
    end
  end)

  it("stays as it is where it is a phone number or no formula", function()
    for _, value in ipairs { "+49 30 1234567", "-1", "a=b", "a-b", "x; y", "https://example.com/?a=1&b=+2" } do
      local text = format.csv.encode { { user = "u@example.com",
        contact_infos = { { type = "custom", value = value } } } }
      assert.is_nil(text:find("'", 1, true), value)
    end
  end)

  it("comes back exactly, random texts of what readers do something with", function()
    local G = people.generator(77)
    local bits = { "'", "''", "=", "+", "-", "@", ";", ",", "\t", "|", "\n", "\r\n", " ", '"', "\u{A0}", "\u{FF1D}",
      "1",      "+49 30 1234567", "0170 7654321", "n/a", "NULL", "#N/A", "4,91E+11", "491707654321.0",
        "a@example.org", "x",
      " und ", "/", ":::", '="1"', "https://a.example", "None", "10115" }
    local kinds = { { "phone", "work" }, { "email", "private" }, { "urls", "work" }, { "messenger", "skype" },
      { "messenger", "whatsapp" }, { "social", "xing" }, { "custom" } }
    for _ = 1, people.cases(3000) do
      local parts = {}
      for i = 1, G.int(5) do parts[i] = G.pick(bits) end
      local value = table.concat(parts)
      local kind = G.pick(kinds)
      local info = { type = kind[1], subType = kind[2], value = value }
      if G.chance(20) then
        info = { type = "address", subType = "work", addressLine1 = value, city = value, zipCode = value,
          isAddress = true }
      end
      local person = { user = "u@example.com", firstName = value, contact_infos = { info } }
      local text, err = format.csv.encode { person }
      if text then
        local back, wrong = format.csv.decode(text, { trim = false })
        assert.is_table(back, tostring(wrong))
        assert.equal(people.key(person, "all"), people.key(back[1], "all"), text)
      else
        assert.equal("unrepresentable", err.code)
      end
    end
  end)
end)
