-- Nothing that takes a text takes more than linear time in its length, whatever the text is: what a cell, a card, an
-- answer or an option can hold is others' to choose. Every function that the modules export is either called with
-- texts here, or
-- named as one that takes none.
--
-- A text is made four times as long again and again. What takes linear time takes about four times as long, what takes
-- quadratic time sixteen times: beyond ten, by the processor's time and the best of several runs, is too much. Neither
-- seconds nor how busy the machine is decide.
local awork = require "awork"
local core = require "awork.core"
local posix = require "awork.posix"
local errors = require "awork.error"
local exports = dofile "tools/exports.lua"
local format = require "awork.format"
local json = require "awork.json"

local EFFORT = tonumber(os.getenv "AWORK_EFFORT") or 1
local FIRST, MOST = 4096, EFFORT >= 1 and 1 << 20 or 1 << 16
local MEASURABLE, FACTOR = 0.001, 10

local TOKEN = ("Tok3n"):rep(8)

-- What texts are made of. A text is head, this over and over, tail.
local UNITS = {
  " ", ".", ",", "1", '"', "'", "\\", "[", "{", "(", ")", "<", "<!--", "%", "%41", "=", "-", "/", "@", ";",
  ":", "|", "\t", "\n", "\r\n", "\r", "#1", "a.", "a+@", "a ", "1 ", "+49 ", '"a",', '""', "a;", "\\n", "\\,",
  "&", "?", "Mc", "A", "\u{DF}", "\u{E4}", "e\u{301}", "\u{301}", "\u{A0}", "\u{AD}", "\u{202E}", "\u{2011}",
  "\u{1F600}", "\xFF", "\xE4", "\xF0\x9F", "\0", "\27[", "\u{9B}", TOKEN, "http://", "null,", "[],", '{"a":',
  "=41", "=\n", "x\n ", "tel:", "ext", " ext 1", "\u{FEFF}",
}
local ENDS = { { "", "" }, { "", "x" }, { "x", "y z " }, { '"', '"' }, { "a@b", ".de" }, { "+49 30 1", "a" } }

local ID = "71bb54d8-c34d-4bff-b826-ec6c85e7bb0f"

local function info(text)
  return { type = "phone", subType = "work", value = text }
end

-- One contact info of each type with the text, and addresses with it in each field.
local function infos(text)
  return {
    info(text), { type = "email", subType = "work", value = text }, { type = "url", value = text },
    { type = "custom", label = text, value = text }, { type = text, subType = text, value = "1" },
    { type = "address", subType = "work", isAddress = true, addressLine1 = text, addressLine2 = text, zipCode = text,
      city = text, state = text, country = text },
  }
end

local codec = json.codec(64, 2000000)

local function each_info(call)
  return function(text)
    for _, one in ipairs(infos(text)) do
      call(one)
    end
  end
end

local function refused(body, headers)
  return tostring(errors.from_response({ status = 400, body = body, headers = headers or {} }, "GET", "/x", codec))
end

-- A file that a case may fill.
local path = os.tmpname()
local function file_of(text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

local person = function(text)
  return { user = text, firstName = text, lastName = text, contact_infos = infos(text) }
end

-- Texts of the format with the text in each place where something is taken apart.
local PLACES = {
  csv = {
    "%s", "user,%s\r\na@b.de,1\r\n", "user,phone:work\r\na@b.de,%s\r\n", "user,phone\r\n%s,1\r\n",
      "user,name\r\na@b.de,%s\r\n",
    "user,address:work:country,address:work\r\na@b.de,%s,x\r\n", "user,email,website\r\na@b.de,%s,%s\r\n",
    "user,address\r\na@b.de,%s\r\n", "user,phone 1 - type,phone 1 - value\r\na@b.de,%s,1\r\n",
  },
  vcard = {
    "%s", "BEGIN:VCARD\nVERSION:3.0\nFN:%s\nEMAIL:a@b.de\nEND:VCARD\n",
      "BEGIN:VCARD\nVERSION:3.0\nN:%s\nEMAIL:a@b.de\nEND:VCARD\n",
    "BEGIN:VCARD\nVERSION:3.0\nTEL:%s\nEMAIL:%s\nEND:VCARD\n", "BEGIN:VCARD\nVERSION:3.0\nTEL;TYPE=%s:1\nEND:VCARD\n",
    "BEGIN:VCARD\nVERSION:3.0\nADR;TYPE=WORK:%s\nURL:%s\nEND:VCARD\n", "BEGIN:VCARD\nVERSION:3.0\n%s:1\nEND:VCARD\n",
    "BEGIN:VCARD\nVERSION:2.1\nTEL;ENCODING=QUOTED-PRINTABLE:%s\nEND:VCARD\n",
    "BEGIN:VCARD\nVERSION:3.0\nNOTE;ENCODING=b:%s\nTEL:1\nEND:VCARD\n",
  },
  scim = {
    "%s", '{"userName":"a@b.de","displayName":"%s","emails":[]}',
      '{"userName":"%s","emails":[{"value":"%s","type":"%s"}]}',
    '{"userName":"a@b.de","addresses":[{"formatted":"%s","country":"%s"}]}', '{"Resources":[],"x":[%s]}',
  },
  json = { "%s", '{"user":"%s","contact_infos":[{"type":"phone","value":"%s"}]}', '{"people":[],"%s":1}', '[%s]',
    '{"a":%s}' },
}

local function reads(name)
  return function(text)
    local escaped = (name == "json" or name == "scim") and core.utf8(text) and core.encode(text):sub(2, -2) or text
    for _, place in ipairs(PLACES[name]) do
      pcall(format[name].decode, (place:gsub("%%s", function()
        return place:find '"%s"' and escaped or text
      end)))
    end
  end
end

local function writes(name)
  return function(text)
    pcall(format[name].encode, { person(text) })
    pcall(format[name].encode, { { user = text, contact_infos = infos(text) } })
  end
end

local function drained(reader)
  repeat
    local one, err = reader:next()
  until one == nil and (not err or err.fatal)
end

local client

-- A plan whose texts are all long.
local function plan_of(text)
  local plan = require "awork.desired.plan"
  local user = { id = ID, firstName = text, lastName = text, userContactInfos = {} }
  for i, one in ipairs(infos(text)) do
    one.id, one.createdOn = ("00000000-0000-4000-8000-%012d"):format(i), "2026-01-01T00:00:00Z"
    user.userContactInfos[i] = one
  end
  return plan.compute({ users = { user } }, { { user = ID, contact_infos = infos(text .. "2") },
    { user = text, contact_infos = infos(text) } }, { prune = true, default_country = "DE" })
end

local CASES = {
  awork = {
    validate = each_info(awork.validate), contact_info = each_info(awork.contact_info),
      country_code = awork.country_code,
    client = function(text)
      for _, options in ipairs { { token = text }, { base_url = text }, { base_url = "http://127.0.0.1" .. text },
        { base_url = "https://" .. text }, { user_agent = text }, { proxy = text }, { proxy = "http://" .. text },
        { no_proxy = text }, { ca_file = text }, { headers = { x = text } }, { headers = { [text] = "x" } },
          { [text] = 1 },
        { log_level = text } } do
        options.token = options.token or "x"
        pcall(awork.client, options)
      end
    end,
    filter = function(text)
      awork.filter("a eq ? and b eq ?", text, text)
      pcall(awork.filter, text)
      awork.filter("?" .. text:gsub("[?']", "''"), 1)
    end,
    load_plan = function(text) awork.load_plan(file_of(text)) awork.load_plan(text) end,
    undo_plan = function(text) awork.undo_plan(file_of(text)) awork.undo_plan(text) end,
    oauth = function(text)
      pcall(awork.oauth, { client_id = text, client_secret = text, refresh_token = text, token_url = text })
    end,
  },
  posix = { crc32 = posix.crc32 },
  ["awork.filter"] = {
    quote = awork.filter.quote, guid = awork.filter.guid, datetime = awork.filter.datetime,
  },
  ["awork.Client"] = {
    request = function(text)
      client:request("GET", text)
      client:request("GET", "/" .. text)
      pcall(client.request, client, text, "/x")
      client:request("GET", "/x", { query = { a = text, [text] = { text, 1 } } })
      client:request("POST", "/x", { body = text })
      client:request("POST", "/x", { body = { [text] = text } })
      pcall(client.request, client, "GET", "/x", { headers = { x = text } })
      pcall(client.request, client, "GET", "/x", { headers = { [text] = text } })
      pcall(client.request, client, "GET", "/x", { [text] = text })
    end,
    plan = function(text) client:plan({ person(text) }) end,
    undo = function(text) client:undo(file_of(text)) end,
  },
  ["awork.ContactInfos"] = {},
  ["awork.Users"] = {},
  ["awork.Companies"] = {},
  ["awork.Plan"] = {
    to_text = function(text) return plan_of(text):to_text() end,
    to_json = function(text) return plan_of(text):to_json() end,
    save = function(text) return plan_of(text):save(path) end,
    print = function(text)
      return plan_of(text):print({ write = function() return true end })
    end,
  },
  ["awork.format"] = {
    detect = format.detect, encode = function(text) format.encode({ person(text) }, { format = "csv" }) end,
    from_user = function(text)
      format.from_user({ id = ID, firstName = text, lastName = text, userContactInfos = infos(text) })
    end,
    load = function(text) format.load(file_of(text)) end,
    read = function(text) drained(format.read { text = text }) end,
    write = function(text) format.write(path, { person(text) }, { format = "csv" }) end,
    where = function(text) format.where { file = text, column = text } end,
    chunks = function(text)
      for _ in format.chunks({ person(text) }, { format = "vcard" }) do end
    end,
    collect = function(text) format.collect(format.read { text = text }) end,
  },
  ["awork.format.Reader"] = { next = function(text) drained(format.read { text = "user;phone\n" .. text }) end },
  core = {
    validate = each_info(core.validate), contact_info = each_info(core.contact_info), country_code = core.country_code,
    form_json = each_info(core.form_json), check_json = function(text) core.check_json { [text] = text } end,
    encode = function(text) core.encode { [text] = text } end,
    decode = function(text)
      core.decode(text)
      core.decode('"' .. text .. '"')
      core.decode("[" .. text .. "]", 64, true)
    end,
    compact = function(text) core.compact { text } end,
    is_guid = core.is_guid, guid_bytes = core.guid_bytes, pack_guids = function(text) core.pack_guids { text } end,
    utf8 = core.utf8, header_safe = core.header_safe, escape = core.escape,
    visible = function(text)
      core.visible(text)
      core.visible(text, "lines")
      core.visible(text, "json")
    end,
    engine = function(text) pcall(core.engine, { user_agent = text, proxy = text, no_proxy = text,
      ca_file = text }) end,
    lower = core.lower, upper = core.upper, base64 = core.base64, token_fault = core.token_fault,
    url_fault = core.url_fault, base_url_fault = core.base_url_fault, proxy_fault = core.proxy_fault,
    header_fault = function(text)
      core.header_fault("x", text, "client")
      core.header_fault(text, "x", "request")
    end,
    redact = function(text)
      core.redact({ text, { text } }, TOKEN)
      core.redact({ text }, "a" .. ("1"):rep(100))
      core.redact({ text }, ("1 "):rep(50))
      core.redact({ TOKEN .. text }, text)
    end,
    hide = function(text)
      local engine <close> = core.engine {}
      core.set_token(engine, TOKEN)
      core.hide(engine, { text })
    end,
    set_token = function(text)
      local engine <close> = core.engine {}
      pcall(core.set_token, engine, text)
    end,
    template = function(text)
      core.template { owner = "user", id_name = "user_id", prefix = text, suffix = text, headers = { a = text },
        strict = false,
        max_depth = 64 }
    end,
  },
}

-- What takes no text, or none of any length: files' names, which the system bounds, are such.
local WITHOUT = {
  awork = "countries error_codes fields rules types is_error undo",
  ["awork.Client"] = "apply check close is_closed loop permissions sleep sockets spawn stats step timeout wait yield",
  ["awork.Task"] = "cancel done status wait",
  ["awork.Plan"] = "exit_code is_empty state",
  ["awork.ApplyReport"] = "exit_code print to_text",
  ["awork.sandbox"] = "main start",
  -- The server for tests, told by the test itself.
  ["awork.Sandbox"] = "advance clear_faults clear_requests contact_infos fault faults requests reset set state stats "
    .. "stop",
  ["awork.format.Reader"] = "close",
  core = "countries error_codes fields now rules types",
  posix = "catch_signals home isatty journal_open lock_file make_dirs open_output open_standard read_private same_file "
    .. "terminal_width write_file",
  -- What client:request hands on.
  engine = "cancel close create events finish next now run sleep sockets stats step submit take_retry timeout wait",
}

-- Methods of resources: the text as id, in what is written, and in options.
local METHODS = {
  ["awork.ContactInfos"] = { "contact_infos", {
    create = function(r, text) r:create(ID, info(text)) r:create(text, info "1") end,
    create_many = function(r, text)
      r:create_many { { user_id = ID, info = info(text) }, { user_id = text, info = info "1" } }
    end,
    delete = function(r, text) r:delete(ID, text) end,
    each = function(r, text) for _ in r:each(text) do end end,
    ensure = function(r, text)
      for _, one in ipairs(infos(text)) do
        pcall(r.ensure, r, ID, one)
      end
    end,
    find = function(r, text)
      for _, key in ipairs { "phone", "email", "url", "custom", "value" } do
        pcall(r.find, r, { [key] = text })
      end
    end,
    get = function(r, text) r:get(ID, text) end,
    list = function(r, text) r:list(text) pcall(r.list, r, ID, { filterby = text }) end,
    patch = function(r, text) r:patch(ID, ID, info(text)) end,
    update = function(r, text) r:update(ID, ID, info(text)) end,
  } },
  ["awork.Users"] = { "users", {
    activate = function(r, text) r:activate(text) end,
    api_users = false,
    autofill = function(r, text) r:autofill(text) end,
    deactivate = function(r, text) r:deactivate(text) end,
    delete = function(r, text) r:delete(text) end,
    each = function(r, text) for _ in r:each { filterby = text, orderby = text } do end end,
    get = function(r, text) r:get(text) end,
    list = function(r, text) r:list { filterby = text } end,
    me = false,
    set_archived = function(r, text) r:set_archived(text, true) end,
    update = function(r, text) r:update(ID, { firstName = text, email = text, birthDate = text, language = text }) end,
  } },
  ["awork.Companies"] = { "companies", {
    each = function(r, text) for _ in r:each { filterby = text } do end end,
    get = function(r, text) r:get(text) end,
    list = function(r, text) r:list { filterby = text } end,
  } },
}

-- What is inside: parsers, normalisers, writers. Each function of these modules is called with a text alone, but
-- for these.
local INNER = {
  ["awork.error"] = {
    new = function(text)
      return tostring(errors.new { kind = "api", code = text, description = text, hint = text, details = { text },
        path = text,
        method = text, trace_id = text })
    end,
    invalid = function(text) return tostring(errors.invalid("x", text, "x", text, text)) end,
    raised = function(text) return tostring(errors.raised("x", "f", text)) end,
    from_transport = function(text) return tostring(errors.from_transport({ kind = "network", message = text },
      "GET", text)) end,
    from_response = function(text)
      refused(text)
      refused(text, { ["trace-id"] = text, ["x-edge-ref"] = text })
      if core.utf8(text) then
        refused(core.encode { code = text, description = text, details = { text },
          validationErrors = { { property = text, message = text } } })
      end
      errors.from_response({ status = 302, headers = { location = text } }, "GET", "/x", codec)
    end,
    unreadable = function(text)
      return tostring(errors.unreadable({ status = 200, body = text }, "GET", "/x", "not-json", text))
    end,
    redact = function(text) return errors.redact({ text, { text } }, TOKEN) end,
  },
  ["awork.time"] = { format_iso = false, format_plain = false },
  ["awork.desired.normalise"] = {
    numbering = false,
    is_address = each_info(function(one) return require "awork.desired.normalise".is_address(one) end),
    value_key = each_info(function(one)
      local normalise = require "awork.desired.normalise"
      return normalise.value_key(one, normalise.numbering "DE")
    end),
    group_key = each_info(function(one)
      local normalise = require "awork.desired.normalise"
      return normalise.group_key(one, normalise.numbering "DE")
    end),
    phone = function(text)
      local normalise = require "awork.desired.normalise"
      return normalise.phone(text, normalise.numbering "DE"), normalise.phone(text)
    end,
    same_field = function(text)
      local normalise = require "awork.desired.normalise"
      for _, kind in ipairs { "phone", "email", "url", "address", "custom" } do
        normalise.same_field("value", text, text .. "x", kind, normalise.numbering "DE")
      end
    end,
  },
  ["awork.desired.show"] = {
    value = each_info(function(one) return require "awork.desired.show".value(one) end),
    kind = each_info(function(one) return require "awork.desired.show".kind(one) end),
    place = function(text) return require "awork.desired.show".place { file = text, column = text, row = 1 } end,
    change = false, over_limit = false, write = false, -- in a plan's to_text
  },
  ["awork.desired.owners"] = {
    name = function(text) return require "awork.desired.owners".name { firstName = text, lastName = text,
      name = text } end,
    reason = false, login_infos = false, -- look at fields that are no texts, and in plan
  },
  ["awork.desired.plan"] = {
    compute = plan_of, builder = false, delete_limit = false, tally = false, undo = false, fields_changed = false,
  },
  ["awork.desired.store"] = {},
  ["awork.desired.journal"] = {
    open = false, read = function(text) return require "awork.desired.journal".read(file_of(text)) end,
  },
  ["awork.format.labels"] = { concepts = false },
  ["awork.format.person"] = {
    check = function(text) return require "awork.format.person".check(person(text)) end,
    email_of = function(text) return require "awork.format.person".email_of(infos(text)) end,
    from_user = false, where = false, -- format.from_user, format.where
  },
  ["awork.format.text"] = {
    decoder = false, encoding = false, -- format.read
  },
  ["awork.format.vcard_lines"] = { new = false, parameter = false },
  ["awork.format.json_items"] = { new = false },
  ["awork.cli.output"] = {
    array = false, stream = false, error = function(text)
      return require "awork.cli.output".error(errors.new { kind = "api", code = text, description = text })
    end,
    object = false,
  },
}

local clock = os.clock

-- The best of some runs, of the processor's time. One alone may have the collector's work of others in it.
local function best(call, text, runs, so_far)
  local least = so_far or math.huge
  for _ = 1, runs do
    if runs > 1 then
      collectgarbage()
    end
    local at = clock()
    pcall(call, text)
    least = math.min(least, clock() - at)
  end
  return least
end

-- A busy machine, or a block of memory that is asked of the system from some size on, makes a linear call look worse:
-- that goes when the runs are more, or with the next size. True if it stays.
local function stays(call, text, longer, longest)
  local before, took = math.huge, math.huge
  for _ = 1, 10 do
    before, took = best(call, text, 2, before), best(call, longer, 2, took)
    if took <= FACTOR * before then
      return false
    end
  end
  return best(call, longest, 3) > FACTOR * took
end

-- How much longer the call takes for a text four times as long, if that is too much; the length of that one. The first
-- text has FIRST bytes, or `first`.
local function superlinear(call, head, unit, tail, first)
  local size, before, text, fine = first or FIRST, nil, nil, 0
  while size <= MOST and fine < 2 do
    local longer = head .. unit:rep(size // #unit) .. tail
    local took = best(call, longer, 1)
    if before and before >= MEASURABLE then
      if took > FACTOR * before
        and stays(call, text, longer, head .. unit:rep(4 * size // #unit) .. tail) then
        return took / before, size
      end
      fine = fine + 1
    end
    size, before, text = size * 4, took, longer
  end
  return nil
end

-- Units for one function, each with one of the ends, and each time with another one: all with much effort (10), else
-- every so many.
local turn, stride = 0, EFFORT >= 10 and 1 or EFFORT >= 1 and 8 or 13
local function check(name, call)
  for at = turn % stride + 1, #UNITS, stride do
    local unit = UNITS[at]
    turn = turn + 1
    local ends = ENDS[turn % #ENDS + 1]
    local ratio, size = superlinear(call, ends[1], unit, ends[2])
    if ratio then
      error(("%s takes %.0f times as long for %d bytes of %q (in %q and %q) as for a quarter of them")
        :format(name, ratio, size, unit, ends[1], ends[2]), 0)
    end
  end
end

local function words(text)
  local set = {}
  for word in (text or ""):gmatch "%S+" do
    set[word] = true
  end
  return set
end

describe("no more than linear time", function()
  setup(function()
    client = assert(awork.client { base_url = "http://127.0.0.1:1", token = TOKEN, retries = 0, rate = false })
  end)

  teardown(function()
    client:close()
    os.remove(path)
  end)

  for name, all in pairs(CASES) do
    local names = {}
    for method in pairs(all) do
      names[#names + 1] = method
    end
    table.sort(names)
    for _, method in ipairs(names) do
      it(("in %s.%s"):format(name, method), function()
        check(name .. "." .. method, all[method])
      end)
    end
  end

  for class, methods in pairs(METHODS) do
    for method, call in pairs(methods[2]) do
      if call then
        it(("in %s:%s"):format(class, method), function()
          check(class .. ":" .. method, function(text)
            return call(client[methods[1]], text)
          end)
        end)
      end
    end
  end

  for name in pairs(PLACES) do
    it("in reading " .. name, function()
      check("reading " .. name, reads(name))
    end)
    it("in writing " .. name, function()
      check("writing " .. name, writes(name))
    end)
  end

  for module, own in pairs(INNER) do
    for name, call in pairs(require(module)) do
      if type(call) == "function" and own[name] ~= false then
        it(("in %s: %s"):format(module, name), function()
          check(module .. "." .. name, own[name] or call)
        end)
      end
    end
  end

  it("is told from more", function()
    local ratio = superlinear(function(text)
      return text:gsub("%.+$", "")
    end, "", ".", "x", 180)
    assert.is_true(ratio > FACTOR)
    assert.is_nil((superlinear(function(text)
      return text:gsub("a", "b")
    end, "", "a", "")))
    -- By work that is counted in place of time: what is quadratic, linear, and linear but for one leap.
    local work = 0
    clock = function() return work end
    local by_work = {}
    for name, cost in pairs {
      quadratic = function(n) return n * n / 1e6 end,
      linear = function(n) return n / 1e6 end,
      leap = function(n) return n > 60000 and n / 1e5 or n / 1e6 end,
    } do
      by_work[name] = superlinear(function(text) work = work + cost(#text) end, "", "a", "")
    end
    clock = os.clock
    assert.same({ quadratic = 16 }, by_work)
  end)

  it("in every function: none is left out", function()
    local missing = {}
    for _, object in ipairs(exports.objects()) do
      local name = object.class or object.prefix
      if name ~= "awork.format.Format" then -- PLACES
        local without = words(WITHOUT[name])
        local known, methods = CASES[name] or {}, METHODS[name] and METHODS[name][2] or {}
        for method in pairs(object.functions) do
          if known[method] == nil and methods[method] == nil and not without[method] then
            missing[#missing + 1] = name .. "." .. method
          end
        end
      end
    end
    assert.same({}, missing) -- each needs a case, or a word among those without text
  end)
end)
