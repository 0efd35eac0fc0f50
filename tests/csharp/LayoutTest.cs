// Option structs never cross from C#: they are filled by name. So the names, and the choices' numbers, are what must fit C.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using Llava;

public static class LayoutTest
{
    private static readonly Assembly Library = typeof(Model).Assembly;

    // fields without a property of their own: sizes, reserved bytes, counts of lists, handles and callbacks
    private static readonly string[] Silent =
    {
        "struct_size", "reserved", "adapter_reserved", "pickle_reserved", "sum_reserved", "mmap_reserved", "stop_count", "stop_id_count", "bad_id_count", "bias_count", "cancel", "progress",
        "progress_user_data", "event", "event_user_data", "abandon"
    };

    [Test]
    public static void EveryFieldOfEveryOptionStructCanBeSet()
    {
        foreach (var each in Layout().Where(each => each.Key.EndsWith("_options")))
        {
            var name = each.Key.Substring("llava_".Length);
            var options = (LlavaOptions)Activator.CreateInstance(Public(name));
            foreach (var property in options.GetType().GetProperties()) property.SetValue(options, Sample(property.PropertyType), null);
            var set = Json.Parse(options.ToString()).Keys.OrderBy(key => key, StringComparer.Ordinal);
            Check.Equal(set, each.Value.Keys.Except(Silent).Except(new[] { "-" }).OrderBy(key => key, StringComparer.Ordinal));
        }
    }

    [Test]
    public static void TheSizesAreThoseOfTheHeaders()
    {
        foreach (var each in Layout())
        {
            var type = Library.GetType("Llava.Internal." + each.Key, true);
            using (var made = (IDisposable)Activator.CreateInstance(type))
                Check.Equal(each.Key + " " + type.GetMethod("size").Invoke(made, null), each.Key + " " + each.Value["-"]);
        }
    }

    [Test]
    public static void EveryNumberOfAResultIsReadWhereItLies()
    {
        foreach (var each in Layout().Where(each => !each.Key.EndsWith("_options")))
        {
            var type = Library.GetType("Llava.Internal." + each.Key, true);
            using (var made = (IDisposable)Activator.CreateInstance(type))
            {
                var address = ((System.Runtime.InteropServices.HandleRef)type.GetMethod("getCPtr",
                    BindingFlags.NonPublic | BindingFlags.Static).Invoke(null, new object[] { made })).Handle;
                foreach (var field in each.Value.Keys.Except(Silent).Except(new[] { "-" }))
                {
                    var property = type.GetProperty(field);
                    if (property == null) throw new Mismatch(each.Key + "." + field + " cannot be read");
                    var bytes = new byte[] { 65, 66, 67, 0, 0, 0, 0, 0 };
                    var size = property.PropertyType == typeof(int) ? 4 : property.PropertyType == typeof(string) ? 4 : 8;
                    System.Runtime.InteropServices.Marshal.Copy(bytes, 0, address + each.Value[field], size);
                    Check.Equal(each.Key + "." + field + Bits(property.GetValue(made, null)), each.Key + "." + field + "4407873");
                }
            }
        }
    }

    [Test]
    public static void TheChoicesHaveTheNumbersOfTheHeaders()
    {
        var native = Library.GetType("Llava.Internal.Native", true);
        var prefixes = new Dictionary<Type, string>
        {
            { typeof(Role), "ROLE" }, { typeof(PixelFormat), "PIXELS" }, { typeof(ImageSource), "IMAGE" },
            { typeof(Dtype), "DTYPE" }, { typeof(EventType), "EVENT" }, { typeof(FinishReason), "FINISH" },
            { typeof(SpecialToken), "TOKEN" }, { typeof(TileRule), "TILES" }, { typeof(Llava.Layout), "LAYOUT" },
            { typeof(Labels), "LABELS" }, { typeof(ImagePlace), "IMAGE" }, { typeof(Pictures), "PICTURES" },
            { typeof(Schedule), "SCHEDULE" }, { typeof(SumOrder), "SUM" }, { typeof(LossMean), "LOSS" }, { typeof(SampleOrder), "ORDER" },
            { typeof(Recompute), "RECOMPUTE" }, { typeof(Deterministic), "DETERMINISTIC" }, { typeof(LogLevel), "LOG" }
        };
        foreach (var each in prefixes)
            foreach (var value in Enum.GetValues(each.Key))
                Check.Equal(value + "=" + Constant(native, "LLAVA_" + each.Value + "_" + Upper(value.ToString())), value + "=" + (int)value);
        foreach (Status status in Enum.GetValues(typeof(Status)))
        {
            var name = Upper(status.ToString());
            var plain = status == Status.Ok || status == Status.End || status == Status.WouldBlock;
            Check.Equal(name + Constant(native, (plain ? "LLAVA_" : "LLAVA_ERR_") + name), name + (int)status);
        }
        Check.Equal(Constant(native, "LLAVA_IMAGE_TOKEN"), Model.ImageToken);
    }

    [Test]
    public static void WhatIsPublicIsWrittenByHandAndExplained()
    {
        var xml = File.ReadAllText(Path.ChangeExtension(Library.Location, ".xml"));
        foreach (var type in Library.GetExportedTypes())
        {
            Check.Equal(type.Namespace, "Llava");
            Check.Contains(xml, "T:" + type.FullName.Replace('+', '.') + "\"");
        }
    }

    /// <summary>Struct, field, offset; "-" has the size.</summary>
    private static Dictionary<string, Dictionary<string, int>> Layout()
    {
        var found = new Dictionary<string, Dictionary<string, int>>();
        foreach (var line in File.ReadAllLines(Path.Combine(Support.Root, "tests", "capi", "layout.txt")))
        {
            var words = line.Split(' ');
            if (!found.ContainsKey(words[0])) found[words[0]] = new Dictionary<string, int>();
            found[words[0]][words[1]] = int.Parse(words[2]);
        }
        return found;
    }

    private static Type Public(string name)
    {
        var words = name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word.Substring(1));
        return Library.GetType("Llava." + string.Concat(words), true);
    }

    private static object Sample(Type type)
    {
        var inner = Nullable.GetUnderlyingType(type) ?? type;
        if (inner == typeof(string)) return "x";
        if (inner == typeof(IEnumerable<string>)) return new[] { "x" };
        if (inner == typeof(IEnumerable<int>)) return new[] { 1 };
        if (inner == typeof(IDictionary<int, float>)) return new Dictionary<int, float> { { 1, 1 } };
        return inner == typeof(TimeSpan) ? TimeSpan.FromSeconds(1) : Activator.CreateInstance(inner);
    }

    private static string Bits(object value)
    {
        if (value is string) return (string)value == "ABC" ? "4407873" : (string)value;
        if (value is double) return BitConverter.DoubleToInt64Bits((double)value).ToString();
        return value is long[] ? ((long[])value)[0].ToString() : value.ToString();
    }

    private static object Constant(Type native, string name)
    {
        var field = native.GetField(name);
        if (field == null) throw new Mismatch(name + " is not in the headers");
        return field.GetValue(null);
    }

    private static string Upper(string name)
    {
        var letters = name.Select((each, index) => (index > 0 && char.IsUpper(each) ? "_" : "") + char.ToUpperInvariant(each));
        return string.Concat(letters);
    }
}
