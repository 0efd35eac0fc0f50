// Runs every public method marked [Test] of every public class: tests.exe [--filter TEXT] [--junit FILE]. With --way NAME it is
// the process that a test of how processes end looks at.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Security;
using System.Text;

[AttributeUsage(AttributeTargets.Method)]
public sealed class TestAttribute : Attribute
{
}

/// <summary>What a test finds wrong.</summary>
public sealed class Mismatch : Exception
{
    public Mismatch(string message) : base(message)
    {
    }
}

public static class Check
{
    public static void That(bool holds, string what)
    {
        if (!holds) throw new Mismatch(what);
    }

    public static void Equal(object found, object expected)
    {
        var list = expected as System.Collections.IEnumerable;
        if (list != null && !(expected is string))
        {
            Equal(Text(found), Text(expected));
            return;
        }
        if (!object.Equals(found, expected)) throw new Mismatch("found " + found + ", expected " + expected);
    }

    public static T Throws<T>(Action call) where T : Exception
    {
        try
        {
            call();
        }
        catch (T caught)
        {
            return caught;
        }
        catch (Exception other)
        {
            throw new Mismatch("threw " + other.GetType().Name + " (" + other.Message + "), expected " + typeof(T).Name);
        }
        throw new Mismatch("threw nothing, expected " + typeof(T).Name);
    }

    /// <summary>The call fails with that status, whatever kind of exception it is.</summary>
    public static Exception Fails(Llava.Status status, Action call)
    {
        var caught = Throws<Exception>(call);
        var failure = caught as Llava.ILlavaFailure;
        if (failure == null) throw new Mismatch("threw " + caught.GetType().Name + " (" + caught.Message + "), expected " + status);
        Equal(failure.Code, status);
        return caught;
    }

    public static void Contains(string text, string part)
    {
        if (text.IndexOf(part, StringComparison.Ordinal) < 0) throw new Mismatch("'" + text + "' has no '" + part + "'");
    }

    private static string Text(object list)
    {
        return "[" + string.Join(", ", ((System.Collections.IEnumerable)list).Cast<object>()) + "]";
    }
}

public static class Runner
{
    private static readonly StringBuilder Xml = new StringBuilder();

    public static int Main(string[] arguments)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        if (arguments.Length == 2 && arguments[0] == "--way") return Ways.Run(arguments[1]);
        string filter = Option(arguments, "--filter"), junit = Option(arguments, "--junit");
        int passed = 0, failed = 0;
        foreach (var test in Tests().Where(test => filter == null || Name(test).Contains(filter)))
        {
            if (Run(test)) ++passed;
            else ++failed;
        }
        if (junit != null) File.WriteAllText(junit, "<testsuite>" + Xml + "</testsuite>\n");
        Console.WriteLine(passed + " passed, " + failed + " failed");
        return failed == 0 ? 0 : 1;
    }

    private static IEnumerable<MethodInfo> Tests()
    {
        return from type in typeof(Runner).Assembly.GetTypes()
               from method in type.GetMethods(BindingFlags.Public | BindingFlags.Static)
               where method.GetCustomAttributes(typeof(TestAttribute), false).Length > 0
               orderby type.Name, method.MetadataToken
               select method;
    }

    private static string Name(MethodInfo test)
    {
        return test.DeclaringType.Name + "." + test.Name;
    }

    private static bool Run(MethodInfo test)
    {
        var watch = Stopwatch.StartNew();
        Exception failure = null;
        try
        {
            test.Invoke(null, null);
        }
        catch (TargetInvocationException caught)
        {
            failure = caught.InnerException;
        }
        var seconds = watch.Elapsed.TotalSeconds.ToString("0.00");
        Console.WriteLine((failure == null ? "ok      " : "FAILED  ") + Name(test) + " (" + seconds + " s)");
        Xml.Append("<testcase name=\"").Append(Name(test)).Append("\" time=\"").Append(seconds).Append("\">");
        if (failure != null)
        {
            Console.WriteLine(failure);
            Xml.Append("<failure>").Append(SecurityElement.Escape(failure.ToString())).Append("</failure>");
        }
        Xml.Append("</testcase>");
        return failure == null;
    }

    private static string Option(string[] arguments, string name)
    {
        var index = Array.IndexOf(arguments, name);
        return index >= 0 && index + 1 < arguments.Length ? arguments[index + 1] : null;
    }
}
