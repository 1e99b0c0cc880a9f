local format = require "awork.format"
local people = require "support.people"
local csv = format.csv

-- Everything a reader gives: "person" keys and errors, in order.
local function all(source, opts)
  local persons, errors = {}, {}
  for person, err in csv.read(source, opts) do
    if person then persons[#persons + 1] = person else errors[#errors + 1] = err end
  end
  return persons, errors
end

local function one(s, opts)
  local persons, errors = all({ text = s }, opts)
  assert.same({}, errors)
  assert.equal(1, #persons)
  return persons[1]
end

local function infos(person)
  local out = {}
  for i, info in ipairs(person.contact_infos) do out[i] = people.info_key(info) end
  return out
end

local function value(type, subtype, v) return ('value=%q type=%q subType=%q'):format(v, type, subtype) end

describe("format.csv: rows", function()
  local function values(s, opts)
    local out = {}
    for person, err in csv.read({ text = s }, opts) do
      out[#out + 1] = person and person.contact_infos[2] and person.contact_infos[2].value or err and err.code or "-"
    end
    return out
  end

  it("reads quotes, doubled quotes, separators and line breaks in quotes", function()
    assert.same({ 'a "b", c', "two\nlines", "two\r\nlines", "plain", '5" disk' }, values(
      'E-Mail,custom:-\r\na@x.org,"a ""b"", c"\r\na@x.org,"two\nlines"\r\na@x.org,"two\r\nlines"\r\na@x.org,plain\r\n'
      .. 'a@x.org,5" disk\r\n'))
  end)

  it("ends rows with CR LF, LF or CR, the last one also with nothing", function()
    for _, eol in ipairs { "\r\n", "\n", "\r" } do
      assert.same({ "1", "2" }, values("E-Mail,custom:-" .. eol .. "a@x.org,1" .. eol .. "a@x.org,2"))
      assert.same({ "1", "2" }, values("E-Mail,custom:-" .. eol .. "a@x.org,1" .. eol .. "a@x.org,2" .. eol))
    end
  end)

  it("finds the separator by the names of the columns", function()
    for _, separator in ipairs { ",", ";", "\t", "|" } do
      local text = ("Vorname|E-Mail|Skype\nx|a@x.org|s"):gsub("|", separator)
      assert.equal(separator == "," and "," or separator, csv.read({ text = "Name, " .. text }).separator)
      local reader = csv.read { text = text }
      assert.equal(separator, reader.separator)
      assert.equal("s", reader:next().contact_infos[2].value)
    end
    assert.same({ "1" }, values("sep=;\r\nE-Mail;Skype\r\na@x.org;1"))
    assert.same({ "1,2" }, values("E-Mail;custom:-\na@x.org;1,2", { separator = ";" }))
  end)

  it("counts rows as a spreadsheet does, and lines as an editor does", function()
    local persons, errors = all { text = '\nE-Mail,Skype\n\n"a@x.org","1\n2"\n,,,\nb@x.org,3\nc@x.org,1,2\n' }
    assert.equal(4, persons[1].source.row)
    assert.equal(4, persons[1].source.line)
    assert.equal(6, persons[2].source.row)
    assert.equal(7, persons[2].source.line)
    assert.equal(7, errors[1].row)
    assert.equal(8, errors[1].line)
    local reader = csv.read { text = "sep=,\nE-Mail\na@x.org\n" }
    local person = reader:next()
    assert.same({ 2, 3 }, { person.source.row, person.source.line })
  end)

  it("accepts rows that are short, or long with nothing in them", function()
    assert.same({ "-", "1" }, values "E-Mail,Skype,Mobil\na@x.org\na@x.org,1,,,,\n")
  end)

  it("goes on after a broken row, with the right line", function()
    local persons, errors = all { text = 'E-Mail,Skype\n"a@x.org"x,1\nb@x.org, "2"\nc@x.org,3\n' }
    assert.equal("c@x.org", persons[1].user)
    assert.equal(4, persons[1].source.line)
    assert.same({ "syntax", 2, "syntax", 3 }, { errors[1].code, errors[1].row, errors[2].code, errors[2].line })
    assert.matches("closing quote", errors[1].message)
    assert.matches("white space before a quote", errors[2].message)
  end)

  it("says where a quote was opened that is never closed", function()
    local persons, errors = all { text = 'E-Mail,Skype\na@x.org,1\nb@x.org,"2\nc@x.org,3\n' }
    assert.equal(1, #persons)
    assert.same({ "syntax", 3, 3, true }, { errors[1].code, errors[1].row, errors[1].line, errors[1].fatal })
    assert.is_nil(errors[2])
  end)

  it("stops at a row without an end, in bounded memory", function()
    local sent = 0
    local persons, errors = all(function()
      sent = sent + 1
      return sent == 1 and 'E-Mail,Skype\na@x.org,"' or ("x"):rep(65536)
    end)
    assert.equal(0, #persons)
    assert.equal("limit", errors[1].code)
    assert.is_true(sent < 100)
  end)

  it("refuses a row that is too long, with an end or without", function()
    local s = ("x"):rep(600000)
    local persons, errors = all { text = "E-Mail,Skype,Mobil\na@x.org," .. s .. "," .. s .. "\nb@x.org\n" }
    assert.equal(0, #persons)
    assert.same({ "limit", true, 2 }, { errors[1].code, errors[1].fatal, errors[1].row })
    local sent = false
    persons, errors = all(function()
      if sent then return nil end
      sent = true
      return "E-Mail,Skype,Mobil\na@x.org," .. s .. "," .. s .. "\nb@x.org\n"
    end)
    assert.same({ 0, "limit", 2 }, { #persons, errors[1].code, errors[1].row })
  end)

  it("refuses a row with more columns than anybody has", function()
    local _, errors = all { text = "E-Mail\n" .. (","):rep(1100) .. "\na@x.org\n" }
    assert.equal("syntax", errors[1].code)
  end)

  it("reads the same whatever the pieces", function()
    local G = people.generator(7)
    for _ = 1, people.cases(300) do
      local list = {}
      for i = 1, 3 do list[i] = G.person(true) end
      local s = csv.encode(list)
      if s then
        local whole, pieces = csv.decode(s), {}
        for person, err in csv.read(G.pieces(s)) do pieces[#pieces + 1] = person or err end
        if whole then
          assert.equal(#whole, #pieces)
          for i, person in ipairs(whole) do assert.equal(people.key(person, "all"), people.key(pieces[i], "all")) end
        end
      end
    end
  end)

  it("takes constant memory and the time that its length asks for", function()
    local row = "p%d@example.com,Anna,Weiß,+49 30 23125 100,\"Lindenhof 1, Hof\",01067,Dresden,Deutschland\n"
    local n, rows, peak = 0, people.size(20000), 0
    local function source()
      n = n + 1
      if n == 1 then return "E-Mail,Vorname,Nachname,Telefon,Straße,PLZ,Ort,Land\n" end
      return n <= rows + 1 and row:format(n) or nil
    end
    collectgarbage()
    collectgarbage()
    local before, count = collectgarbage "count", 0
    for person in csv.read(source) do
      assert(person)
      count = count + 1
      if count % 2000 == 0 then -- what is in use, whatever the collector's pace
        collectgarbage()
        peak = math.max(peak, collectgarbage "count" - before)
      end
    end
    assert.equal(rows, count)
    assert.is_true(peak < 4096, ("%.0f KiB"):format(peak))
  end)
end)

describe("format.csv: columns", function()
  it("knows German and English headers of Excel, Outlook and Personio", function()
    local cases = {
      ["E-Mail"] = "email:work", ["E-Mail (geschäftlich)"] = "email:work", ["E-Mail (privat)"] = "email:private",
      ["Private E-Mail"] = "email:private", ["E-Mail-Adresse"] = "email:work", ["E-Mail 2: Adresse"] = "email:work:2",
      ["Work email"] = "email:work", Email = "email:work", ["E-mail Address"] = "email:work",
      ["Telefon dienstlich"] = "phone:work", ["Telefon geschäftlich"] = "phone:work", ["Telefon/privat"] = "phone:home",
      ["Telefon (privat)"] = "phone:home", ["Work phone"] = "phone:work", ["Business Phone 2"] = "phone:work:2",
      ["Home Phone"] = "phone:home", Tel = "phone:work", ["Tel. g"] = "phone:work", Festnetz = "phone:work",
      Mobil = "phone:mobile", Handy = "phone:mobile", ["Mobil dienstlich"] = "phone:mobile",
      Diensthandy = "phone:mobile", ["Mobile Phone"] = "phone:mobile", ["Mobiles Telefon"] = "phone:mobile",
      Cell = "phone:mobile",
      ["Fax geschäftlich"] = "phone:work Fax", ["Business Fax"] = "phone:work Fax", Fax = "phone:fax",
      ["Other Phone"] = "phone:other", ["Straße"] = "address:work:addressLine1",
      ["STRASSE"] = "address:work:addressLine1",
      ["Straße privat"] = "address:home:addressLine1", ["Business Street"] = "address:work:addressLine1",
      ["Business Street 2"] = "address:work:addressLine2", PLZ = "address:work:zipCode",
      ["Postleitzahl geschäftlich"] = "address:work:zipCode", ["Home Postal Code"] = "address:home:zipCode",
      Ort = "address:work:city", Wohnort = "address:home:city", ["Ort privat"] = "address:home:city",
      Land = "address:work:country", ["Land/Region geschäftlich"] = "address:work:country",
      ["Business Country/Region"] = "address:work:country", Bundesland = "address:work:state",
      Adresszusatz = "address:work:addressLine2", LinkedIn = "social:linkedIn", ["XING-Profil"] = "social:xing",
      ["LinkedIn URL"] = "social:linkedIn", GitHub = "urls:gitHub", Webseite = "urls:work", ["Web Page"] = "urls:work",
      ["Personal Web Page"] = "urls:private", Skype = "messenger:skype", WhatsApp = "messenger:whatsapp",
      ["E-Mail (gescha\u{308}ftlich)"] = "email:work",
    }
    local columns = require "awork.format.columns"
    for name, expected in pairs(cases) do
      local spec = columns.find(name)
      assert.is_table(spec, name)
      spec.subType = spec.subType or "work"
      assert.equal(expected, columns.name(spec), name)
    end
  end)

  it("leaves alone what is somebody else's, or not understood", function()
    local columns = require "awork.format.columns"
    for _, name in ipairs { "E-Mail Vorgesetzter", "Notfallkontakt Telefon", "Geburtsort", "Company", "Firma",
      "Abteilung", "Standort", "Kostenstelle", "Telefon E-Mail", "Company Main Phone", "Assistant's Phone", "Status",
      "Note: private",
      "Telefon 0", ("x"):rep(10000), "" } do
      assert.is_nil(columns.find(name), name)
    end
  end)

  it("makes one person of a row, with all contact infos in the order of the columns", function()
    local person = one("Vorname;Nachname;E-Mail;Telefon;Mobil;Straße;Hausnummer;PLZ;Ort;Land\n"
      .. "Jürgen;Weiß;j@example.com;+49 30 23125 100;0171 3920001;Lindenhof;12 a;01067;Dresden;Deutschland\n")
    assert.equal("j@example.com", person.user)
    assert.equal("Jürgen", person.firstName)
    assert.equal("Weiß", person.lastName)
    assert.same({
      value("email", "work", "j@example.com"), value("phone", "work", "+49 30 23125 100"),
      value("phone", "mobile", "0171 3920001"),
      'type="address" subType="work" addressLine1="Lindenhof 12 a" zipCode="01067" city="Dresden" country="DE" '
        .. 'isAddress=true',
    }, infos(person))
  end)

  it("says for every field where it stands", function()
    local person = one("E-Mail;Telefon;Straße;PLZ\na@example.com;1;Lindenhof;01067", { name = "hr.csv" })
    assert.equal("hr.csv: row 2, column 'Telefon'", format.where(person, 2, "value"))
    assert.equal("hr.csv: row 2, column 'PLZ'", format.where(person, 3, "zipCode"))
    assert.equal("hr.csv: row 2, column 'Straße'", format.where(person, 3))
    assert.equal("hr.csv: row 2, column 'Straße'", format.where(person, 3, "city"))
    assert.equal("hr.csv: row 2", format.where(person))
    assert.is_nil(format.where({}, 1))
  end)

  it("reads Google Contacts, with labels and several values in a cell", function()
    local person = one("First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,"
      .. "Phone 2 - Type,Phone 2 - Value,Address 1 - Label,Address 1 - Formatted,Address 1 - Street,"
      .. "Address 1 - City,Address 1 - PO Box,Address 1 - Region,Address 1 - Postal Code,Address 1 - Country,"
      .. "Address 1 - Extended Address,Website 1 - Label,Website 1 - Value,IM 1 - Service,IM 1 - Value\n"
      .. "Ada,Byte,* Work,ada@example.com,Mobile,+44 7700 900123 ::: +44 20 7946 0001,Work Fax,"
      .. '+44 20 7946 0002,Home,"x\ny",'
      .. '"12 Test St\nFlat 2",London,PO 1,,NW1 6XE,UK,,Profile,https://x.example,Skype,ada.b\n')
    assert.same({
      value("email", "work", "ada@example.com"), value("phone", "mobile", "+44 7700 900123"),
      value("phone", "mobile", "+44 20 7946 0001"), value("phone", "work Fax", "+44 20 7946 0002"),
      'type="address" subType="home" addressLine1="12 Test St" addressLine2="Flat 2, PO 1" zipCode="NW1 6XE" '
        .. 'city="London" country="GB" isAddress=true',
      value("urls", "other", "https://x.example"), value("messenger", "skype", "ada.b"),
    }, infos(person))
    person = one("E-mail 1 - Value,Address 1 - Street\na@example.com,\"12 Test St\nFlat 2\nBack\"\n")
    assert.equal("Flat 2, Back", person.contact_infos[2].addressLine2)
  end)

  it("takes who it is from the awork id, the address for work, or the only address", function()
    assert.equal("u-1", one("awork-ID,E-Mail\nu-1,a@x.org").user)
    assert.equal("a@x.org", one("awork-ID,E-Mail\n,a@x.org").user)
    assert.equal("w@x.org", one("E-Mail privat,E-Mail\np@x.org,w@x.org").user)
    assert.equal("p@x.org", one("E-Mail privat,Mobil\np@x.org,1").user)
    local _, errors = all { text = "E-Mail privat,E-Mail (andere)\np@x.org,o@x.org\n" }
    assert.equal("user", errors[1].code)
    assert.is_nil(one("Mobil\n1", { user = false }).user)
  end)

  it("takes it from the column that is named, and says when it is missing", function()
    assert.equal("4711", one("PersNr,E-Mail\n4711,a@x.org", { user = "PersNr" }).user)
    assert.equal("p@x.org", one("E-Mail privat,E-Mail\np@x.org,w@x.org", { user = "email:private" }).user)
    local _, errors = all({ text = "PersNr,E-Mail\n,a@x.org" }, { user = "persnr" })
    assert.same({ "user", 2, "PersNr" }, { errors[1].code, errors[1].row, errors[1].column })
    _, errors = all({ text = "E-Mail,E-Mail privat\na@x.org,\n" }, { user = "email:private" })
    assert.equal("user", errors[1].code)
    _, errors = all({ text = "E-Mail\na@x.org" }, { user = "PersNr" })
    assert.same({ "columns", true }, { errors[1].code, errors[1].fatal })
  end)

  it("lets the caller say what a column is, or that it is nothing", function()
    local person = one("E-Mail,Durchwahl,Mobil,Zimmer,Haus\na@x.org,12,34,R1,H", {
      columns = { Durchwahl = "phone:work", Mobil = false, Zimmer = "address:work:addressLine2",
        Haus = "address:work:addressLine1", Weg = false },
    })
    assert.same({ value("email", "work", "a@x.org"), value("phone", "work", "12"),
      'type="address" subType="work" addressLine1="H" addressLine2="R1" isAddress=true' }, infos(person))
    local _, errors = all({ text = "E-Mail\na@x.org" }, { columns = { Durchwahl = "phone:work" } })
    assert.same({ "columns", true }, { errors[1].code, errors[1].fatal })
    assert.matches("Durchwahl", errors[1].message)
  end)

  it("keeps what is no contact info if asked to, and warns otherwise", function()
    local reader = csv.read { text = "E-Mail,Abteilung,Vorname,Rufname,Land\na@x.org,IT,A,B,DE" }
    local warned = {}
    for i, warning in ipairs(reader.warnings) do warned[i] = warning.column end
    assert.same({ "Abteilung", "Rufname", "Land" }, warned)
    local person = one("E-Mail,Abteilung,Land\na@x.org,IT,DE", { extra = true })
    assert.same({ Abteilung = "IT", Land = "DE" }, person.extra)
    assert.is_nil(one("E-Mail,Abteilung\na@x.org,IT").extra)
  end)

  it("reads an address in lines, one in a post box, and the first of two columns", function()
    local person = one("E-Mail,Adresse,Adresse 2,PLZ,PLZ,Ort\na@x.org,Weg 1,Hof,01067,99999,Dresden")
    assert.equal('type="address" subType="work" addressLine1="Weg 1" addressLine2="Hof" zipCode="01067" city="Dresden" '
      .. "isAddress=true", people.info_key(person.contact_infos[2]))
    assert.is_nil(require "awork.format.columns".find "Adresse 4")
    assert.is_nil(require "awork.format.columns".find "Adresse E-Mail Telefon")
    person = one "E-mail 1 - Value,Address 1 - Street,Address 1 - PO Box,Address 1 - City\na@x.org,,PO 1,Bonn"
    assert.equal("PO 1", person.contact_infos[2].addressLine1)
  end)

  it("does not take a country that is filled in for everybody for an address", function()
    assert.equal(1, #one("E-Mail,Straße,Land\na@x.org,,Deutschland").contact_infos)
  end)

  it("takes names apart", function()
    local function names(header, cells)
      local person = one(header .. ",E-Mail\n" .. cells .. ",a@x.org")
      return { person.firstName, person.lastName }
    end
    assert.same({ "Anna Lena", "Weiß" }, names("Name", "Anna Lena Weiß"))
    assert.same({ "Anna Lena", "Weiß" }, names("Name", '"Weiß, Anna Lena"'))
    assert.same({ "Anna", "Weiß" }, names("Name,Vorname", "Weiß,Anna"))
    assert.same({ "Anna", "Weiß" }, names("Vorname,Nachname", "Anna,Weiß"))
    assert.same({ nil, "Weiß" }, names("Name", "Weiß"))
  end)

  it("takes subtypes that are not said from defaults", function()
    assert.same({ value("email", "work", "a@x.org"), value("phone", "home", "1") },
      infos(one("E-Mail,Telefon\na@x.org,1", { defaults = { phone = "home" } })))
  end)

  it("names countries by their codes, in German and English", function()
    for name, code in pairs { Deutschland = "DE", Germany = "DE", DE = "DE", ["Österreich"] = "AT", Schweiz = "CH",
      ["United Kingdom"] = "GB", Phantasien = "Phantasien" } do
      assert.equal(code, one("E-Mail,Straße,Land\na@x.org,x," .. name).contact_infos[2].country)
    end
  end)

  it("says when nothing is understood", function()
    for _, s in ipairs { "people.csv", "a,b\n1,2", "user,Foo\nx,y" } do
      local persons, err = csv.decode(s)
      assert.is_nil(persons)
      assert.equal("columns", err.code, s)
    end
  end)
end)

describe("format.csv: what spreadsheets do to values", function()
  it("refuses numbers that were shortened and errors in place of values, with row and column", function()
    local s = "E-Mail;Telefon;Skype\na@x.org;4,93E+11;x\nb@x.org;1;#NV\nc@x.org;4.93012E+11;\n"
    local _, errors = all({ text = s }, { name = "x.csv" })
    assert.equal("x.csv: row 2, column 'Telefon': '4,93E+11' is a number that the spreadsheet has shortened, its "
      .. "digits are lost: make the column text and export again", errors[1].description)
    assert.equal("Skype", errors[2].column)
    assert.equal(4, errors[3].row)
    assert.matches("x.csv: row 2", tostring(errors[1]))
  end)

  it("keeps phone numbers to the character", function()
    for _, number in ipairs { "+4930123456", "01067", "0049 30 123", "(030) 123-4", "+49 (0)30/123",
      "12345678901234567890" } do
      assert.equal(number, one("E-Mail,Telefon\na@x.org," .. number).contact_infos[2].value)
      local person = { user = "a@x.org", contact_infos = { { type = "phone", subType = "work", value = number } } }
      assert.matches("\r\na@x.org,,," .. number:gsub("%p", "%%%0") .. "\r\n$", csv.encode { person })
    end
  end)

  it("disarms formulas on the way out, and takes the apostrophe away on the way in", function()
    for _, evil in ipairs { "=1+1", '=HYPERLINK("http://x.example")', "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0",
      "@SUM(A1)", "\t=1", "\r=1", "+A1", "'=1", "''+1", "#N/A", "1E5", "#" } do
      local person = { user = "a@x.org", contact_infos = { { type = "phone", subType = "work", value = evil } } }
      local s = csv.encode { person }
      assert.matches(',"?\'', s:match "\r\n(.*)$")
      assert.equal(evil, csv.decode(s, { trim = false })[1].contact_infos[1].value)
      s = csv.encode({ person }, { escape_formulas = false })
      assert.is_truthy(s:find(evil:gsub('"', '""'), 1, true))
      assert.is_nil(s:find("'" .. evil:gsub('"', '""'), 1, true))
    end
    assert.equal("+49 30 1", one("E-Mail,Telefon\na@x.org,'+49 30 1").contact_infos[2].value)
    assert.equal("'+49", one("E-Mail,Telefon\na@x.org,'+49", { escape_formulas = false }).contact_infos[2].value)
  end)

  it("takes white space from the ends, no-break spaces too, unless told not to", function()
    assert.equal("1 2", one("E-Mail,Telefon\n a@x.org ,\u{A0} 1 2\t").contact_infos[2].value)
    assert.equal("à", one("E-Mail,Skype\na@x.org, à\u{A0} \n").contact_infos[2].value)
    assert.equal(1, #one("E-Mail,Skype\na@x.org,\u{A0}\n").contact_infos)
    assert.equal(" 1 ", one("E-Mail,Telefon\na@x.org, 1 ", { trim = false }).contact_infos[2].value)
  end)
end)

describe("format.csv: encodings", function()
  local head = "E-Mail;Straße\n"

  it("refuses what is not UTF-8 with row, column and what to do", function()
    local _, errors = all { text = head .. "a@x.org;Weg\nb@x.org;Stra\xDFe\n" }
    assert.same({ "encoding", 3, 3, "Straße", true },
      { errors[1].code, errors[1].row, errors[1].line, errors[1].column, errors[1].fatal })
    assert.matches("windows%-1252", errors[1].message)
    _, errors = all { text = "E-Mail;Stra\xDFe\n" }
    assert.matches("header", errors[1].message)
  end)

  it("reads windows-1252, Latin 1 and Latin 9 when named", function()
    local function street(bytes, encoding)
      return one("E-Mail;Stra\xDFe\na@x.org;" .. bytes .. "\n", { encoding = encoding }).contact_infos[2].addressLine1
    end
    assert.equal("Straße €", street("Stra\xDFe \x80", "windows-1252"))
    assert.equal("ö", street("\xF6", "ISO-8859-1"))
    assert.equal("€", street("\xA4", "latin9"))
    local _, errors = all({ text = "E-Mail;Skype\na@x.org;\x81\n" }, { encoding = "cp1252" })
    assert.same({ "encoding", "Skype" }, { errors[1].code, errors[1].column })
  end)

  it("reads UTF-8 with a mark, and UTF-16 only when named", function()
    local function utf16(s, order)
      local out = {}
      for _, c in utf8.codes(s) do
        if c < 0x10000 then
          out[#out + 1] = string.pack(order .. "I2", c)
        else
          c = c - 0x10000
          out[#out + 1] = string.pack(order .. "I2I2", 0xD800 + (c >> 10), 0xDC00 + (c & 0x3FF))
        end
      end
      return table.concat(out)
    end
    local s = head .. "a@x.org;Weg 😀 " .. ("Übergrößen "):rep(200) .. "\n"
    local street = one("\xEF\xBB\xBF" .. s).contact_infos[2].addressLine1
    for _, case in ipairs { { "<", "\xFF\xFE", "utf-16le" }, { ">", "\xFE\xFF", "utf-16be" } } do
      local order, mark, name = table.unpack(case)
      local wide = utf16(s, order)
      local _, errors = all { text = mark .. wide }
      assert.same({ "encoding", true }, { errors[1].code, errors[1].fatal })
      assert.matches(name, errors[1].message, 1, true)
      _, errors = all { text = wide }
      assert.matches(name, errors[1].message, 1, true)
      for _, named in ipairs { "utf-16", name } do
        assert.equal(street, one(mark .. wide, { encoding = named }).contact_infos[2].addressLine1)
      end
      assert.equal(street, one(wide, { encoding = name }).contact_infos[2].addressLine1)
      _, errors = all({ text = wide }, { encoding = "utf-16" })
      assert.equal("encoding", errors[1].code)
      local pieces = {}
      for person in csv.read(people.generator(3).pieces(mark .. wide), { encoding = name }) do pieces[1] = person end
      assert.equal(street, pieces[1].contact_infos[2].addressLine1)
      -- Half a character, half a surrogate pair.
      for _, broken in ipairs { wide .. "x", utf16(head .. "a@x.org;", order) .. string.pack(order .. "I2", 0xD83D) } do
        _, errors = all({ text = broken }, { encoding = name })
        assert.equal("encoding", errors[1] and errors[1].code)
      end
    end
    local _, errors = all({ text = "\xEF\xBB\xBF" .. s }, { encoding = "latin1" })
    assert.equal("encoding", errors[1].code)
  end)

  it("refuses what is no text", function()
    local _, errors = all { text = head .. "a@x.org;\0\0\0" }
    assert.equal("encoding", errors[1].code)
  end)
end)

describe("format.csv: writing", function()
  local anna = { user = "a@x.org", firstName = "Anna", lastName = 'W"ß', contact_infos = {
    { type = "phone", subType = "work", value = "1" }, { type = "phone", subType = "work", value = "2" },
    { type = "address", subType = "home", addressLine1 = "A, B", city = "C", isAddress = true },
  } }

  it("has the columns that a list needs", function()
    assert.equal("user,firstName,lastName,phone:work,phone:work:2,address:home:addressLine1,address:home:city\r\n"
      .. 'a@x.org,Anna,"W""ß",1,2,"A, B",C\r\n', csv.encode { anna })
    assert.equal("user,firstName,lastName\r\n", csv.encode {})
  end)

  it("takes separator, line end, mark and columns as told", function()
    assert.equal("\xEF\xBB\xBFWer;Nr;phone:work:2\na@x.org;1;2\n", csv.encode({ anna }, { separator = ";", eol = "\n",
      bom = true, columns = { { "user", "Wer" }, { "phone:work", "Nr" }, "phone:work:2" } }))
  end)

  it("puts several values of a stream into one cell", function()
    local function stream()
      local done
      return function()
        if done then return nil end
        done = true
        return anna
      end
    end
    local s = csv.encode(stream())
    assert.matches(",1 ::: 2,", s, 1, true)
    assert.equal(people.key(anna, "type"), people.key(csv.decode(s)[1], "type"))
    anna.contact_infos[4] = anna.contact_infos[3]
    local text, err = csv.encode(stream())
    anna.contact_infos[4] = nil
    assert.is_nil(text)
    assert.equal("unrepresentable", err.code)
    assert.matches("address:home:addressLine1:2", err.message, 1, true)
    for _, info in ipairs { { type = "custom", label = "a" }, { type = "phone", subType = "work", label = "a" } } do
      anna.contact_infos[4] = info
      text, err = csv.encode(stream())
      anna.contact_infos[4] = nil
      assert.is_nil(text)
      assert.matches("no column", err.message)
    end
  end)

  it("says what can't be written, and for whom, and goes on with the next", function()
    local list = {
      { user = 7 }, "x", { user = "a", contact_infos = 1 }, { user = "a", contact_infos = { 1 } },
      { user = "a", contact_infos = { { type = "phone", value = 1 } } }, { user = "a\0" }, { user = "\xFF" },
      { user = "a", contact_infos = { { type = "phone", subType = "work", value = "1 ::: 2" } } },
      { user = "a", contact_infos = { { type = "phone", subType = "work", value = "\0" } } },
      { user = "a", contact_infos = { { type = "phone", subType = "work", value = "1", absent = true } } }, anna,
    }
    local errors, rows = {}, 0
    for piece, err in csv.chunks(list) do
      if piece then rows = rows + 1 else errors[#errors + 1] = err end
    end
    assert.equal(2, rows)
    assert.equal(10, #errors)
    for i, err in ipairs(errors) do assert.same({ "format", i }, { err.kind, err.row }) end
  end)

  it("writes nothing for a contact info that says nothing", function()
    assert.equal("user,firstName,lastName\r\na,,\r\n",
      csv.encode { { user = "a", contact_infos = { { type = "phone", value = "" }, { type = "email" } } } })
  end)

  for _, separator in ipairs { ",", ";", "\t", "|" } do
    it(("comes back as it was, random files (%q)"):format(separator), function()
      local G = people.generator(separator:byte(), " ::: ")
      for _ = 1, people.cases(600) do
        local list = {}
        for i = 1, G.int(3) do list[i] = G.person(true) end
        local s = assert(csv.encode(list, { separator = separator, bom = G.chance(50), eol = G.pick { "\n", "\r\n" } }))
        local back = assert(csv.decode(s, { trim = false, separator = separator }))
        assert.equal(#list, #back)
        for i, person in ipairs(list) do assert.equal(people.key(person, "type"), people.key(back[i], "type")) end
      end
    end)
  end

  it("comes back as it was from a stream, random files", function()
    local G = people.generator(99, ":::")
    for _ = 1, people.cases(500) do
      local list = { G.person(), G.person() }
      local i = 0
      local s, err = csv.encode(function()
        i = i + 1
        return list[i]
      end)
      if s then
        local back = assert(csv.decode(s, { trim = false }))
        for n, person in ipairs(list) do assert.equal(people.key(person, "type"), people.key(back[n], "type")) end
      else
        assert.equal("unrepresentable", err.code)
      end
    end
  end)
end)

describe("format.csv: hostile input", function()
  it("never raises and always ends, damaged files", function()
    local G = people.generator(1234)
    for _ = 1, people.cases(2000) do
      local s = csv.encode({ G.person(), G.person() }) or "E-Mail,Telefon\na@x.org,1\n"
      local count = 0
      for person, err in csv.read({ text = G.damage(s) }, { encoding = G.chance(20) and "latin1" or nil }) do
        count = count + 1
        assert.is_true(count < 100)
        if not person then
          assert.equal("format", err.kind)
          assert.is_truthy(utf8.len(err.description), err.description)
        end
      end
    end
  end)

  it("takes time in proportion to the length", function()
    for _, make in ipairs {
      function(n) return "E-Mail,Skype\n" .. ("a@x.org,x\n"):rep(n) end,
      function(n) return 'E-Mail,Skype\na@x.org,"' .. ('""'):rep(n * 4) .. '"' end,
      function(n) return "E-Mail,Skype\na@x.org," .. ("x ::: "):rep(n) end,
      function(n) return "E-Mail,Skype\n" .. ('"\n'):rep(n) end,
      function(n) return "E-Mail,Skype\n" .. ("\n"):rep(n * 4) end,
      function(n) return "E-Mail," .. ("Telefon privat "):rep(n) .. "\na@x.org" end,
    } do
      -- A window that doubles looks at a long row again: a factor of three, where the square would be a hundred.
      local function steps(n)
        local text = make(n)
        return people.steps(function() csv.decode(text) end)
      end
      assert.is_true(steps(people.size(20000)) <= 40 * steps(people.size(2000)) + 20)
    end
  end)
end)
