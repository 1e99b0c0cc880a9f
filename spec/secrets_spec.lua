local help = require "client_help"
local sweep = require "secrets_sweep"

describe("a token", function()
  local function check(condition, ...)
    assert(condition, string.format(...))
    return condition
  end

  it("is in nothing that a caller gets to see, though the server sends it back everywhere", function()
    assert.is_true(sweep.shown(check) > 10000)
  end)

  for _, source in ipairs { "string", "function", "oauth" } do
    it("goes through no function that a script with a client can replace: from a " .. source, function()
      assert.is_true(sweep.reached(source, check) > 300)
    end)
  end

  it("that is a common word is in no error, and leaves data as they are", function()
    local server <close> = help.server { token = "phone", users = 1, contact_infos_per_user = 0 }
    local client <close> = help.client(server, { retries = 0 })
    local id = server.user_ids[1]
    assert.equal("phone", assert(client.contact_infos:create(id, help.phone())).type)
    assert.equal("phone", assert(client.contact_infos:list(id))[1].type)
    server.fault { kind = "status", status = 400, body = { code = "x", description = "bad phone" } }
    assert.equal("bad ***", select(2, client.users:me()).description)
    for _, call in ipairs { client.users.me, client.users.list } do
      server.fault { kind = "status", status = 200, body = "your phone", content_type = "text/phone" }
      local value, err = call(client.users)
      assert.is_nil(value)
      assert.equal("not-json", err.code)
      assert.is_nil(tostring(err):find("phone", 1, true))
    end
  end)

  it("is in nothing that the command prints or saves #process", function()
    assert.is_true(sweep.command({ 401 }, check) == 18)
  end)

  it("is in no argument, no environment and, after close, in no memory of the engine #process", function()
    local looks = sweep.memory(function(dir, url, user_id)
      return assert(io.popen(("exec lua5.4 -e 'require \"secrets_sweep\".child(\"%s\", \"%s\", \"%s\")'")
        :format(dir, url, user_id)))
    end, check)
    assert.equal(6, looks)
  end)
end)
