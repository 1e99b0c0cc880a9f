local awork = require "awork"
local help = require "client_help"
local options = require "awork.options"

-- Every string reachable from a value by tables, metatables and tostring.
local function texts_of(value, seen, out)
  seen, out = seen or {}, out or {}
  if type(value) == "string" then
    out[#out + 1] = value
  elseif value ~= nil and not seen[value] then
    seen[value] = true
    out[#out + 1] = tostring(value)
    if type(value) == "table" then
      for name, item in next, value do
        texts_of(name, seen, out)
        texts_of(item, seen, out)
      end
    end
    texts_of(debug.getmetatable(value), seen, out)
  end
  return out
end

describe("awork.client", function()
  local server

  setup(function()
    server = help.server()
  end)

  teardown(function()
    server.stop()
  end)

  before_each(function()
    server.clear_faults()
    server.clear_requests()
  end)

  it("raises at its caller for unknown options and wrong types", function()
    for name, value in pairs {
      tokn = "x", token = 5, base_url = 5, timeout = "30", retries = 1.5, strict = 1, validate = "no", headers = "x",
      rate = true, reserve = 1, max_body = 0, on_request = "f", log_level = "loud", concurrency = 0, clock = 5,
      proxy = true, connect_timeout = 0, max_wait = -1, max_depth = 1001,
    } do
      local ok, message = pcall(function() awork.client { [name] = value } end)
      assert.is_false(ok, name)
      assert.matches("^spec/client_spec%.lua:%d+: bad argument #1 to 'client' %(.*" .. name, message)
    end
    assert.matches("did you mean 'base_url'", select(2, pcall(awork.client, { baseUrl = "x" })))
    assert.matches("did you mean 'connect_timeout'", select(2, pcall(awork.client, { connectTimeout = 1 })))
    assert.has_error(function() awork.client() end)
    assert.has_error(function() awork.client { timeout = 0 / 0 } end)
    assert.has_error(function() awork.client { timeout = math.huge } end)
    assert.has_error(function() awork.client { rate = { hour = 1 } } end)
    assert.has_error(function() awork.client { rate = { second = 0 } } end)
    assert.has_error(function() awork.client { token = {} } end)
  end)

  it("raises for headers that are the client's own, or could carry more than a header", function()
    for _, headers in ipairs {
      { Authorization = "x" }, { ["content-type"] = "x" }, { Host = "x" }, { ["x y"] = "z" }, { x = "a\r\nb: c" },
      { x = "a\0" }, { x = 5 }, { "x" },
    } do
      assert.has_error(function() awork.client { token = "t", headers = headers } end)
    end
  end)

  it("refuses when it is made what would only fail with the first call", function()
    for _, headers in ipairs {
      { te = "trailers" }, { ["Keep-Alive"] = "x" }, { ["proxy-authorization"] = "x" }, { Upgrade = "x" },
      { ["X-A"] = "1", ["x-a"] = "2" }, { [":path"] = "/" },
    } do
      local ok, message = pcall(awork.client, { token = "t", headers = headers })
      assert.is_false(ok)
      assert.matches("option 'headers'", message)
      local client <close> = assert(awork.client { token = "t", base_url = "http://127.0.0.1:1" })
      local value, err = client:request("GET", "/x", { headers = headers })
      assert.is_nil(value)
      assert.equal("invalid-header", err.code)
    end
    assert.error_matches(function() awork.client { token = "t", user_agent = ("x"):rep(100000) } end, "user_agent")
    for _, base in ipairs {
      "http://127.0.0.999", "http://localhost%2eevil.com", "http://127.1", "http://0x7f.1", "http://2130706433",
      "http://0", "http://[::ffff:127.0.0.1]", "http://localhost.", "http://127.0.0.1@evil.com",
      "http://localhost#@evil.com", "http://localhost\\@evil.com", "http://localhost:0", "http://localhost:65536",
      "http://localhost:", "http://localhost:080", "https:///x", "https://api\u{3002}awork.com", "https://h\0/",
      "https://h/../x", "https://h/%2e%2e", "https://h/a//b", "https://h/a b", "https://h/%",
      "https://" .. ("a"):rep(64) .. ".com",
    } do
      local client, err = awork.client { token = "t", base_url = base }
      assert.is_nil(client, base)
      assert.matches("base%-url$", err.code)
      assert.matches("'base_url'", err.description)
      assert.matches("token_url", select(2, awork.client {
        token = awork.oauth { client_id = "x", refresh_token = "x", token_url = "http://example.com/token" },
      }).description)
    end
    for _, base in ipairs { "http://LOCALHOST", "https://xn--bcher-kva.example:443/a%20b/", "https://[::1]:8443" } do
      local client <close> = assert(awork.client { token = "t", base_url = base, retries = 0, timeout = 1 })
      assert.is_string(client.base_url)
    end
    local token = ("x"):rep(70000)
    assert.equal("token-invalid", select(2, awork.client { token = token }).code)
    local client <close> = assert(awork.client { token = function() return token end })
    assert.equal("token-invalid", select(2, client.users:me()).code)
    local long, err = client:request("GET", "/x", { query = { q = ("x"):rep(40000) } })
    assert.is_nil(long)
    assert.equal("invalid-query", err.code)
  end)

  it("says what is wrong with a proxy, and nothing of what is in its URL", function()
    for _, proxy in ipairs {
      "http://user:s3cretpw@bad host:3128", "http://user:s3cretpw@h:99999", "socks9://user:s3cretpw@h:1",
      "http://user:s3cret#pw@h:1", "http://s3cretpw@h@i",
    } do
      local client, err = awork.client { token = "t", proxy = proxy }
      assert.is_nil(client)
      assert.equal("invalid-proxy", err.code)
      assert.matches("'proxy'", err.description)
      assert.is_nil(tostring(err):find("s3cret", 1, true))
    end
    for _, proxy in ipairs {
      "http://us3r:s3cretpw@127.0.0.1:1", "http://us3r:s3cretpw@no.such.host.invalid:3128", "us3r:s3cretpw@127.0.0.1:1",
      "socks5h://us3r:s3cretpw@127.0.0.1:1",
    } do
      local client <close> = assert(awork.client { token = "t", proxy = proxy, retries = 0, timeout = 5 })
      local _, err = client.users:me()
      assert.equal("network", err.kind)
      for _, text in ipairs { tostring(err), err.description, tostring(client) } do
        assert.is_nil(text:find("s3cretpw", 1, true))
        assert.is_nil(text:find("us3r", 1, true))
      end
    end
  end)

  it("shows nothing of a login that the proxy itself sends back", function()
    local proxy <close> = help.server()
    proxy.fault { kind = "status", status = 502, times = 2,
      body = { description = "us%40er s3cret%2Fpw us@er s3cret/pw dXNAZXI6czNjcmV0L3B3" } }
    local client <close> = assert(awork.client {
      token = "t", base_url = "http://elsewhere.invalid", allow_http = true, retries = 0, timeout = 60,
      proxy = proxy.url:gsub("^http://([^/]+).*", "http://us%%40er:s3cret%%2Fpw@%1"),
    })
    local _, err = client.users:me()
    assert.equal(502, err.status)
    assert.equal("*** [secret] *** [secret] [secret]", err.description)
  end)

  it("sends nothing meant for a loopback host to the environment's proxies #process", function()
    local decoy <close> = help.server()
    local proxy = decoy.url:match "^http://[^/]+"
    for _, host in ipairs { "127.0.0.1", "localhost" } do
      local url = server.url:gsub("127%.0%.0%.1", host)
      local pipe = assert(io.popen(([[http_proxy=%s https_proxy=%s HTTPS_PROXY=%s all_proxy=%s ALL_PROXY=%s \
        no_proxy= NO_PROXY= lua5.4 -e 'local c = assert(require "awork".client { base_url = "%s", token = "%s" })
        print(c.users:me() and "found")' 2>&1]]):format(proxy, proxy, proxy, proxy, proxy, url, server.token)))
      assert.equal("found\n", pipe:read "a")
      pipe:close()
    end
    assert.equal(0, #decoy.requests())
    -- One that can't be read matters where it would be used.
    local pipe = assert(io.popen(([[https_proxy=http://u:s3cretpw@h:99999 lua5.4 -e 'local awork = require "awork"
      local c = assert(awork.client { base_url = "%s", token = "%s" })
      print(c.users:me() and "found", select(2, awork.client { token = "t" }))' 2>&1]])
      :format(server.url, server.token)))
    local said = pipe:read "a"
    pipe:close()
    assert.matches("^found\tawork: invalid%-proxy: https_proxy of the environment", said)
    assert.is_nil(said:find("s3cretpw", 1, true))
  end)

  it("gives an error for a token or a base_url that the world got wrong", function()
    for expected, given in pairs {
      ["token-missing"] = {},
      ["token-invalid"] = { token = "abc\n" },
      ["invalid-base-url"] = { token = "t", base_url = "api.awork.com" },
      ["insecure-base-url"] = { token = "t", base_url = "http://api.awork.com/api/v1" },
    } do
      local client, err = awork.client(given)
      assert.is_nil(client)
      assert.equal(expected, err.code)
      assert.equal("validation", err.kind)
    end
    for _, token in ipairs { "", " ", "a b", "a\r\nb", "a\0b", "Bearer x", "\u{e4}", "a\"", "a\n" } do
      local client, err = awork.client { token = token }
      assert.is_nil(client)
      assert.equal("token-invalid", err.code)
    end
    assert.matches("line end", tostring(select(2, awork.client { token = "abc\n" })))
    assert.matches("without 'Bearer'", tostring(select(2, awork.client { token = "Bearer abc" })))
    for _, base in ipairs {
      "", "https://", "https://user:pw@host/", "https://h/?q", "https://h/#f", "ftp://h/", "https://h h/",
      "https://h\\x",
      "http://127.0.0.1.evil.example/", "http://localhost.evil.example", "https://h\r\n/",
    } do
      assert.is_nil((awork.client { token = "t", base_url = base }), base)
    end
    assert.is_nil((awork.client { token = "t", base_url = "https://h/" .. ("x"):rep(2000) }))
    for _, base in ipairs { "http://127.0.0.1:1", "http://localhost/", "http://[::1]:80/x", "HTTPS://api.awork.com" } do
      assert(awork.client { token = "t", base_url = base }):close()
    end
    assert(awork.client { token = "t", base_url = "http://example.com", allow_http = true }):close()
  end)

  it("gives an error for a file of certificates that is not there", function()
    local client, err = awork.client { token = "t", ca_file = "/no/such/file.pem" }
    assert.is_nil(client)
    assert.equal("tls", err.kind)
    assert.equal("ca-file", err.code)
    assert.has_error(function() awork.client { token = "t", ca_file = "a\nb" } end)
  end)

  it("shows its token nowhere", function()
    local secret = "s3cret-of-this-spec"
    local client <close> = help.client(server, { token = secret })
    client.users:me()
    assert.equal("awork.client: " .. server.url, tostring(client))
    for _, text in ipairs(texts_of(client)) do
      assert.is_nil(text:find(secret, 1, true))
    end
  end)

  it("documents each option once, with a default of its own type", function()
    local seen = {}
    for _, option in ipairs(options.list) do
      assert.is_nil(seen[option.name], option.name)
      seen[option.name] = true
      assert.is_string(option.doc)
      assert.is_true(#option.types > 0)
    end
    local checked = assert(options.check {})
    assert.equal(30, checked.timeout)
    assert.equal(5, checked.connect_timeout)
  end)

  it("sends a token from a function, called for each request", function()
    local tokens = { server.token, "old", server.token }
    local calls = 0
    local client <close> = help.client(server, {
      token = function()
        calls = calls + 1
        return tokens[calls]
      end,
    })
    assert(client.users:me())
    -- "old" is refused; the function has another one by then.
    assert(client.users:me())
    assert.equal(3, calls)
    assert.equal(3, #server.requests())
  end)

  it("gives an error when the token function has none", function()
    local what
    local client <close> = help.client(server, { token = function() return what() end })
    for expected, source in pairs {
      ["token-unavailable"] = function() return nil, "vault is locked" end,
      ["token-invalid"] = function() return "a\r\nX: y" end,
    } do
      what = source
      local user, err = client.users:me()
      assert.is_nil(user)
      assert.equal(expected, err.code)
      assert.equal("/users/me", err.path)
    end
    what = function() return nil, "vault is locked" end
    assert.matches("vault is locked", tostring(select(2, client.users:me())))
    what = function() error "boom" end
    local _, err = client.users:me()
    assert.equal("callback", err.kind)
    assert.equal("token-unavailable", err.code)
    assert.matches("boom", tostring(err))
    what = function() return 5 end
    assert.equal("token-invalid", select(2, client.users:me()).code)
    assert.same({}, help.log(server))
  end)

  it("sends what it should and nothing else", function()
    local client <close> = help.client(server, { headers = { ["X-Host"] = "spec" }, user_agent = "spec/1" })
    assert(client.contact_infos:create(server.user_ids[1], { type = "address", addressLine1 = "Torstrasse 140",
      zipCode = "10119", city = "Berlin", country = "DE" }))
    local request = server.requests()[1]
    assert.equal("POST", request.method)
    assert.equal("application/json", request.headers["content-type"])
    assert.equal("application/json", request.headers["accept"])
    assert.equal("spec", request.headers["x-host"])
    assert.equal("spec/1", request.headers["user-agent"])
    assert.equal("Bearer " .. server.token, request.headers["authorization"])
    assert.is_nil(request.headers["expect"])
    assert.same({
      type = "address", addressLine1 = "Torstrasse 140", zipCode = "10119", city = "Berlin", country = "DE",
      isAddress = true,
    }, require("cjson").decode(request.body))
  end)

  it("uses one connection for a thousand calls", function()
    local before = server.stats().connections
    local client <close> = help.client(server)
    for _ = 1, 1000 do
      assert(client.users:me())
    end
    assert.equal(1, client:stats().connections)
    assert.equal(1, server.stats().connections - before)
  end)

  it("keeps to one connection over TLS", function()
    local secure <close> = help.server { tls = true }
    local client <close> = help.client(secure, { connect_timeout = 30 })
    for _ = 1, 20 do
      assert(client.users:me())
    end
    assert.equal(1, client:stats().connections)
  end)

  it("keeps clients apart", function()
    local one <close> = help.client(server, { token = "wrong" })
    local two <close> = help.client(server)
    assert.is_nil((one.users:me()))
    assert(two.users:me())
    one:close()
    assert(two.users:me())
  end)

  it("bounds the body, the head and the time", function()
    local small <close> = help.client(server, { max_body = 50, retries = 0 })
    local _, err = small.users:me()
    assert.equal("protocol", err.kind)
    local headed <close> = help.client(server, { max_headers = 256, retries = 0 })
    server.fault { kind = "status", status = 200, headers = { ["x-long"] = ("x"):rep(1000) }, body = {} }
    _, err = headed.users:me()
    assert.is_true(err.kind == "protocol" or err.kind == "network")
  end)

  describe("close", function()
    it("is idempotent, and every other method raises at its caller after it", function()
      local client = help.client(server)
      local id = server.user_ids[1]
      client:close()
      client:close()
      assert.is_true(client:is_closed())
      assert.matches("closed", tostring(client))
      for _, call in ipairs {
        function() client:step() end, function() client:wait(0) end, function() client:loop() end,
        function() client:timeout() end, function() client:sockets() end, function() client:stats() end,
        function() client:sleep(0) end, function() client:spawn(print) end,
        function() client:request("GET", "/users/me") end,
        function() client.users:me() end, function() client.users:list() end, function() client.users:each() end,
        function() client.users:get(id) end, function() client.users:update(id, {}) end,
        function() client.users:delete(id) end, function() client.users:activate(id) end,
        function() client.users:deactivate(id) end, function() client.users:set_archived(id, true) end,
        function() client.users:autofill "a@b" end,
        function() client.companies:list() end, function() client.companies:each() end,
        function() client.companies:get(id) end,
        function() client.contact_infos:create(id, {}) end, function() client.contact_infos:list(id) end,
        function() client.contact_infos:each(id) end, function() client.contact_infos:get(id, id) end,
        function() client.contact_infos:update(id, id, {}) end, function() client.contact_infos:patch(id, id, {}) end,
        function() client.contact_infos:delete(id, id) end, function() client.contact_infos:create_many({}) end,
        function() client.company_contact_infos:create(id, {}) end,
      } do
        local ok, message = pcall(call)
        assert.is_false(ok)
        assert.matches("^spec/client_spec%.lua:%d+: awork: the client is closed", message)
      end
    end)

    it("happens at the end of a block", function()
      local kept
      do
        local client <close> = help.client(server)
        kept = client
      end
      assert.is_true(kept:is_closed())
    end)

    it("is done by the collector, also for a client with work in flight", function()
      local weak = setmetatable({}, { __mode = "v" })
      do
        local client = help.client(server)
        weak.client = client
        client:spawn(function() client.users:me() end)
        client:step()
      end
      collectgarbage()
      collectgarbage()
      assert.is_nil(weak.client)
    end)
  end)

  it("says so when a method is called with a dot", function()
    local client <close> = help.client(server)
    assert.has_error(function() client.step() end)
    assert.has_error(function() client.request("GET", "/x") end)
  end)

  describe("request", function()
    local client

    setup(function() client = help.client(server, { retries = 0 }) end)
    teardown(function() client:close() end)

    it("gives the decoded body, then the response", function()
      local user, response = client:request("GET", "/users/me")
      assert.equal(server.me_id, user.id)
      assert.equal(200, response.status)
      assert.matches("json", response.headers["content-type"])
      assert.matches(server.me_id, response.body, 1, true)
      assert.equal(server.url .. "/users/me", response.url)
      assert.is_number(response.timings.total)
      assert.equal(1, response.attempts)
    end)

    it("gives true where there is no body", function()
      local value, response = client:request("POST", "/users/" .. server.user_ids[3] .. "/activate")
      assert.is_true(value)
      assert.equal(204, response.status)
      server.fault { kind = "garbage", data = "null" }
      assert.is_true((client:request("GET", "/users/me")))
      server.fault { kind = "garbage", data = "false" }
      assert.is_false((client:request("GET", "/users/me")))
    end)

    it("writes a query in the order of its names, escaped", function()
      client:request("GET", "/users", { query = { pageSize = 5, page = 1, filterby = "a eq 'b&c=d e\u{e4}'", x = true,
        ids = { "p", 2 }, none = awork.null, f = 1.5 } })
      assert.equal("GET /users?f=1.5&filterby=a%20eq%20%27b%26c%3Dd%20e%C3%A4%27&ids=p&ids=2&page=1&pageSize=5&x=true",
        help.log(server)[1])
    end)

    it("sends a table as JSON and a string as it is", function()
      local id = server.user_ids[2]
      assert(client:request("PUT", "/users/" .. id, { body = { firstName = "Ann" } }))
      assert(client:request("PUT", "/users/" .. id, { body = '{"lastName":"Lee"}' }))
      client:request("POST", "/x", { body = "a=b", headers = { ["Content-Type"] = "text/x" } })
      local requests = server.requests()
      assert.equal('{"firstName":"Ann"}', requests[1].body)
      assert.equal("application/json", requests[2].headers["content-type"])
      assert.equal("text/x", requests[3].headers["content-type"])
      assert.equal("a=b", requests[3].body)
    end)

    it("gives an error for what can't be sent", function()
      for code, case in pairs {
        ["invalid-path"] = { "GET", "/users/../secrets" },
        ["invalid-query"] = { "GET", "/users", { query = { x = print } } },
        ["invalid-body"] = { "POST", "/users", { body = { a = print } } },
        ["invalid-header"] = { "GET", "/users", { headers = { x = "a\r\nb" } } },
      } do
        local value, err = client:request(table.unpack(case))
        assert.is_nil(value)
        assert.equal(code, err.code)
        assert.equal("validation", err.kind)
      end
      for _, path in ipairs {
        "", "users", "//evil.example/x", "/a b", "/a\r\nb", "/a\0b", "/a?b", "/a#b", "/a\\b", "/..", "/./x",
        "/%2e%2e/x", ("/x"):rep(5000), "/%2E.", "/a%2fb", "/a%5cb", "/a%", "/a%2", "/%0d%0a", "/\u{e4}", "/a/..",
      } do
        local _, err = client:request("GET", path)
        assert.equal("invalid-path", err.code, path)
      end
      assert.equal("invalid-query", select(2, client:request("GET", "/users", { query = { "x" } })).code)
      assert.equal("invalid-query", select(2, client:request("GET", "/users", { query = { x = 0 / 0 } })).code)
      assert.same({}, help.log(server))
    end)

    it("gives an error for a query beyond all measure", function()
      local value, err = client:request("GET", "/users", { query = { filterby = ("x"):rep(70000) } })
      assert.is_nil(value)
      assert.equal("validation", err.kind)
      local list
      list, err = client.users:list { filterby = ("x"):rep(70000) }
      assert.is_nil(list)
      assert.equal("validation", err.kind)
    end)

    it("raises for what is no argument", function()
      for _, arguments in ipairs {
        { "FETCH", "/x" }, { 5, "/x" }, { "GET", 5 }, { "GET", "/x", 5 }, { "GET", "/x", { qery = {} } },
        { "GET", "/x", { timeout = 0 } }, { "GET", "/x", { timeout = "1" } }, { "GET", "/x", { retry = true } },
        { "GET", "/x", { retry = -1 } }, { "GET", "/x", { body = 5 } }, { "GET", "/x", { query = "a=b" } },
      } do
        local ok, message = pcall(function() client:request(table.unpack(arguments)) end)
        assert.is_false(ok)
        assert.matches("^spec/client_spec%.lua:%d+: bad argument #%d to 'request'", message)
      end
    end)

    it("does not repeat a POST, unless told that it may", function()
      local patient <close> = help.client(server, { retries = 2, random = function() return 0 end })
      local path = "/users/" .. server.user_ids[3] .. "/activate"
      server.fault { kind = "status", status = 503, path = "/activate$" }
      local value, err = patient:request("POST", path)
      assert.is_nil(value)
      assert.equal(503, err.status)
      server.fault { kind = "status", status = 503, path = "/activate$" }
      assert.is_true((patient:request("POST", path, { idempotent = true })))
    end)
  end)
end)
