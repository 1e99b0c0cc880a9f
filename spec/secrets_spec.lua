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
