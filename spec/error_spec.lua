local awork = require "awork"
local errors = require "awork.error"
local help = require "client_help"

describe("errors", function()
  local server, client

  setup(function()
    server = help.server()
    client = help.client(server, { retries = 0 })
  end)

  teardown(function()
    client:close()
    server.stop()
  end)

  before_each(function()
    server.clear_faults()
  end)

  -- The error of GET /users/me when the server answers so.
  local function answer(fault)
    fault.path = "/users/me"
    fault.times = fault.times or 1
    server.fault(fault)
    local user, err = client.users:me()
    assert.is_nil(user)
    assert.is_true(awork.is_error(err))
    assert.is_string(err.kind)
    assert.is_string(err.code)
    assert.is_string(err.description)
    assert.is_boolean(err.retryable)
    assert.equal("GET", err.method)
    assert.equal("/users/me", err.path)
    local text = tostring(err)
    assert.matches("^awork: ", text)
    assert.is_nil(text:find "[%c]")
    assert.is_true(#text < 600)
    return err, text
  end

  it("know every code of the contract", function()
    for code, known in pairs(awork.error_codes()) do
      local err, text = answer { kind = "status", status = 400, body = { code = code, description = "Said so." } }
      assert.equal(code, err.code)
      assert.equal(known.retryable, err.retryable, code)
      assert.equal(known.advice, err.hint)
      assert.equal(code == "validation-failed" and "validation" or "api", err.kind)
      assert.matches("^awork: 400 " .. code:gsub("%-", "%%-") .. ": Said so; .+ %(GET /users/me", text)
    end
  end)

  it("is read from the first 256 KiB of a refusal, however long that is", function()
    local long = ("x"):rep(255 * 1024)
    local err = answer { kind = "status", status = 400, body = { code = "long", description = "Hm", more = long } }
    assert.equal("long", err.code)
    err = answer { kind = "status", status = 400, body = { code = "long", description = long .. ("x"):rep(1024) } }
    assert.equal("http-400", err.code)
    assert.is_true(#tostring(err) < 5000)
  end)

  it("take an unknown code as it is", function()
    local err, text = answer { kind = "status", status = 409, body = { code = "brand-new", description = "Hm" } }
    assert.equal("brand-new", err.code)
    assert.equal("api", err.kind)
    assert.is_false(err.retryable)
    assert.equal("awork: 409 brand-new: Hm (GET /users/me", text:match "^(.-/users/me)")
  end)

  it("carry validationErrors, violations, details and the trace", function()
    local err, text = answer {
      kind = "status", status = 400,
      body = {
        code = "validation-failed", description = "Not valid.", link = "https://x", traceId = "a1b2c3",
        details = { "first", "second" },
        validationErrors = {
          { property = "Type", message = "'Type' must not be empty." }, { property = "Value", message = "too long" },
        },
      },
    }
    assert.equal("validation", err.kind)
    assert.equal(400, err.status)
    assert.same({ "first", "second" }, err.details)
    assert.equal("a1b2c3", err.trace_id)
    assert.equal("https://x", err.link)
    assert.equal("Type", err.validationErrors[1].property)
    assert.same({ property = "Value", rule = "server", message = "too long" }, err.violations[2])
    assert.equal("awork: 400 validation-failed: 'Type' must not be empty. (+1 more) (GET /users/me, trace a1b2c3)",
      text)
  end)

  it("survive nonsense in an error body", function()
    local err = answer { kind = "status", status = 400, body =
      '{"code":5,"description":[],"validationErrors":[1,{},null,"x"],"details":{"a":1}}' }
    assert.equal("http-400", err.code)
    assert.equal("?", err.violations[1].property)
    answer { kind = "status", status = 400, body = '{"validationErrors":"no list","details":"one"}' }
    answer { kind = "status", status = 400, body = '"just text"' }
    answer { kind = "status", status = 400, body = "[]" }
    answer { kind = "status", status = 400, body = "null" }
  end)

  it("make sense of a gateway's HTML, an empty body, a cut one, another encoding", function()
    local err, text = answer {
      kind = "status", status = 502, content_type = "text/html",
      body = "<html><head><style>b{}</style><title>Bad\tGateway</title></head><body><!-- x --><h1>Oh\n no</h1>" ..
        ("<p>word</p>"):rep(500) .. "</body></html>",
    }
    assert.equal("http-502", err.code)
    assert.is_true(err.retryable)
    assert.matches("bad gateway: Bad Gateway Oh no word", text)
    assert.is_nil(text:find "[<>{}]")
    err = answer { kind = "status", status = 503, body = "" }
    assert.equal("service unavailable", err.description)
    err = answer { kind = "status", status = 500, body = '{"code":"server-err' }
    assert.equal("http-500", err.code)
    err = answer { kind = "status", status = 500, body = "\xff\xfe<\0h\0" .. ("\xe4"):rep(1000) }
    assert.is_not_nil(awork.is_error(err) and utf8.len(err.description))
    err = answer { kind = "status", status = 418, body = "teapot" }
    assert.equal("refused: teapot", err.description)
  end)

  it("tell the edge's refusal with what awork's support asks for", function()
    local err, text = answer { kind = "status", status = 403 }
    assert.is_string(err.edge_ref)
    assert.is_string(err.trace_id)
    assert.matches("edge " .. err.edge_ref:gsub("%p", "%%%0"), text)
  end)

  it("say that a 401 is a bad token or a missing permission", function()
    local other <close> = help.client(server, { token = "wrong-token" })
    local _, err = other.users:me()
    assert.equal(401, err.status)
    assert.equal("unauthorized", err.code)
    assert.matches("check the token and its permissions", tostring(err))
    assert.is_nil(tostring(err):find("wrong-token", 1, true))
    err = answer { kind = "status", status = 401, body = "" }
    assert.matches("a bad token or a missing permission", err.description)
  end)

  it("never follow a redirect, and say where it leads", function()
    local err, text = answer { kind = "redirect", location = "https://elsewhere.example/" }
    assert.equal("protocol", err.kind)
    assert.equal("redirect", err.code)
    assert.matches("elsewhere%.example", text)
    assert.matches("base_url", text)
  end)

  it("of a 2xx that can't be read are of kind protocol", function()
    for code, fault in pairs {
      ["invalid-json"] = { data = '{"id":' },
      ["not-json"] = { data = "<html>login</html>", content_type = "text/html" },
      ["invalid-encoding"] = { data = '{"name":"\xe4"}' },
      ["too-deep"] = { data = ("["):rep(100) .. ("]"):rep(100) },
      ["unexpected-answer"] = { data = "5" },
      ["empty-body"] = { data = "" },
    } do
      fault.kind = "garbage"
      local err = answer(fault)
      assert.equal("protocol", err.kind)
      assert.equal(code, err.code)
      assert.equal(200, err.status)
      assert.is_false(err.retryable)
    end
    local err = answer { kind = "garbage", data = "{}", content_type = "application/json; charset=iso-8859-1" }
    assert.equal("invalid-encoding", err.code)
  end)

  it("take UTF-8 by any of its names, a byte order mark, and JSON by another type", function()
    for _, content_type in ipairs { "application/json;charset=\"UTF-8\"", "application/problem+json", "text/plain" } do
      local data = '\xEF\xBB\xBF{"id":"x"}'
      server.fault { kind = "garbage", path = "/users/me", data = data, content_type = content_type }
      assert.equal("x", assert(client.users:me()).id)
    end
  end)

  it("take the token out of what the server echoes", function()
    local err, text = answer {
      kind = "status", status = 400,
      body = {
        code = "invalid-model", description = "Bearer " .. server.token .. " and " .. server.token, link = "",
        details = { "got " .. server.token }, validationErrors = { { property = "x", message = server.token } },
      },
    }
    assert.is_nil(text:find(server.token, 1, true))
    assert.equal("Bearer [secret] and [secret]", err.description)
    assert.equal("got [secret]", err.details[1])
    assert.equal("[secret]", err.violations[1].message)
    err = answer { kind = "garbage", data = "no json " .. server.token }
    assert.is_nil(err.description:find(server.token, 1, true))
  end)

  it("of the connection say what went wrong", function()
    local err = answer { kind = "reset_before", times = 3 }
    assert.equal("network", err.kind)
    assert.is_nil(err.status)
    local nowhere <close> = assert(awork.client { token = "t", base_url = "http://127.0.0.1:1/", retries = 0 })
    local _, failed = nowhere.users:me()
    assert.equal("network", failed.kind)
    assert.is_true(failed.retryable)
    assert.matches("GET /users/me", tostring(failed))
  end)

  it("of a deadline are of kind timeout", function()
    server.fault { kind = "delay", seconds = 5, path = "/users/me" }
    local value, err = client:request("GET", "/users/me", { timeout = 0.1 })
    assert.is_nil(value)
    assert.equal("timeout", err.kind)
    assert.is_true(err.retryable)
    server.clear_faults()
  end)

  it("of a certificate say which option to set", function()
    local secure <close> = help.server { tls = true }
    local blind <close> = assert(awork.client { token = secure.token, base_url = secure.url, retries = 0,
      connect_timeout = 25 })
    local _, err = blind.users:me()
    assert.equal("tls", err.kind)
    assert.is_false(err.retryable)
    assert.matches("ca_file", tostring(err))
    local seeing <close> = help.client(secure)
    assert.is_string(assert(seeing.users:me()).id)
  end)

  it("concatenate like strings", function()
    local _, err = awork.validate { type = "phon" }
    assert.equal("x: " .. tostring(err), "x: " .. err)
    assert.equal(tostring(err) .. "!", err .. "!")
  end)

  it("of our validator are one line with a hint", function()
    local _, err = client.contact_infos:create(server.user_ids[1], { type = "phone", subtype = "work", value = 4 })
    assert.equal("validation", err.kind)
    assert.is_nil(err.status)
    assert.matches("^awork: validation%-failed: 'value' must be a string, not a number %(quote it.+%(%+1 more%)$",
      tostring(err))
  end)

  it("pass through as they are when the caller's own code raises them", function()
    local _, err = awork.validate { type = "phon" }
    assert.equal(err, errors.raised("x", "y", err, "trace"))
    assert.equal("trace", err.traceback)
    local hostile = setmetatable({}, { __tostring = function() error "no" end })
    assert.matches("raised an error: %(table%)", errors.raised("x", "y", hostile).description)
    assert.equal(hostile, errors.raised("x", "y", hostile).cause)
  end)

  it("print whatever is in them", function()
    for _, fields in ipairs {
      {}, { kind = "api" }, { violations = { {} } }, { violations = { { property = 5, message = {} } } },
      { violations = {}, description = "a\nb" }, { code = {}, description = false, details = { 5 } },
    } do
      assert.matches("^awork: ", tostring(errors.new(fields)))
    end
  end)

  it("are UTF-8 without control characters, whatever a server puts into headers and body", function()
    local err = answer {
      kind = "status", status = 400, body = { code = "x\27[2J", description = "a\127b" },
      headers = { ["Trace-Id"] = "t\xff<b>", ["X-Edge-Ref"] = "e\xfc" },
    }
    for _, text in ipairs { tostring(err), err.trace_id, err.edge_ref } do
      assert.is_truthy(utf8.len(text), text)
      assert.is_nil(text:find "%c", text)
    end
    assert.matches("trace t%?", tostring(err))
  end)

  it("steers no terminal with what a server says", function()
    local text = tostring(errors.new { kind = "api", code = "x\u{9D}", status = 400, method = "GET", path = "/\u{2028}",
      description = "\u{9B}2J\x9B31m\u{202E}gpj.exe\r\n\27[8m", trace_id = "\u{200F}" })
    assert.equal([[awork: 400 x\u{9D}: \u{9B}2J\x9B31m\u{202E}gpj.exe \x1B[8m (GET /\u{2028}, trace \u{200F})]], text)
  end)

  describe("of a server that says too much", function()
    local codec = require "awork.json".codec(64)

    local function refusal(body)
      return errors.from_response({ status = 400, body = codec.encode(body), headers = {} }, "GET", "/x", codec)
    end

    -- All text in a table.
    local function size(value)
      local n = 0
      for key, item in pairs(value) do
        n = n + (type(key) == "string" and #key or 0)
        n = n + (type(item) == "table" and size(item) or type(item) == "string" and #item or 0)
      end
      return n
    end

    it("keep 4 KiB of each text, end with a whole character and say what they cut", function()
      for _, unit in ipairs { "a", "\u{e4}", "\u{20AC}", "\u{1F600}", "." } do
        local err = refusal { code = "server-error", description = unit:rep(100000) }
        local kept, cut = err.description:match "^(.*)\u{2026} %((%d+,?%d*,?%d*) bytes cut%)$"
        assert.is_truthy(utf8.len(kept))
        assert.is_true(#kept <= 4096 and #kept > 4092)
        assert.equal(#unit * 100000 - #kept, tonumber((cut:gsub(",", ""))))
        assert.is_truthy(utf8.len(tostring(err)))
        assert.is_true(#tostring(err) < 5000)
      end
      assert.equal(("x"):rep(4096), refusal({ description = ("x"):rep(4096) }).description)
      assert.equal(("x"):rep(4096) .. "\u{2026} (1 bytes cut)", refusal({ description = ("x"):rep(4097) }).description)
    end)

    it("keep a hundred entries of each list, and say how many more there were", function()
      local list, details = {}, {}
      for i = 1, 60000 do
        list[i], details[i] = { property = "Type", message = "is wrong" }, "detail " .. i
      end
      local err = refusal { code = "validation-failed", validationErrors = list, details = details }
      assert.equal(101, #err.violations)
      assert.equal(101, #err.validationErrors)
      assert.equal("\u{2026} (59,900 more)", err.violations[101].message)
      assert.equal("\u{2026} (59,900 more)", err.details[101])
    end)

    it("stay small altogether, whatever is long", function()
      local long = ("m"):rep(200000)
      local list = {}
      for i = 1, 200 do
        list[i] = i % 2 == 0 and long or { property = long, message = long }
      end
      for _, body in ipairs {
        { code = long, description = long, link = long, traceId = long, details = list, validationErrors = list },
        { error = long, error_description = long }, { message = long }, { title = long }, { details = long },
      } do
        local err = refusal(body)
        assert.is_true(size(err) < 200000)
        assert.is_true(#tostring(err) < 25000)
      end
      local err = errors.from_transport({ kind = "network", message = long }, "GET", "/x")
      assert.is_true(size(err) < 5000)
    end)

    it("quote no more of a page than its head, without tags, comments, scripts and styles", function()
      local page = "<!DOCTYPE html><!-- a > b --><html><HEAD><style>p > a { color: red }</style>"
        .. "<SCRIPT type='x'>if (a < b) alert(1)</SCRIPT ></head>\n<body>\u{dc}ber 3 < 4"
      local err = errors.from_response({ status = 502, body = page, headers = {} }, "GET", "/x", codec)
      assert.equal("bad gateway: \u{dc}ber 3 < 4", err.description)
      for _, unit in ipairs { "<", "<!--", "<script", "<script>", "<p>", "\u{dc}", " ", "\xff" } do
        err = errors.from_response({ status = 502, body = unit:rep(100000), headers = {} }, "GET", "/x", codec)
        assert.is_true(#err.description < 250)
        assert.is_truthy(utf8.len(err.description))
      end
    end)
  end)
end)
