// From an options object to the C struct: written as JSON, read by the library, which knows every name, range and default.
using System;
using System.Collections.Generic;
using System.Text;

namespace Llava.Internal
{
    /// <summary>What SWIG's class of an option struct has (bindings/swig/csharp.i).</summary>
    internal interface IOptions : IDisposable
    {
        void Fill(string json);
    }

    /// <summary>What those with a callback have besides.</summary>
    internal interface IHearingOptions : IOptions
    {
        void hear(IntPtr callback);
    }

    /// <summary>Fields by the name they have in C; what is null is left to the default.</summary>
    internal sealed class Fields
    {
        private readonly List<KeyValuePair<string, Json>> set = new List<KeyValuePair<string, Json>>();

        public void Set(string name, string value)
        {
            var found = value == null ? -1 : value.IndexOf('\0');
            if (found >= 0)
                throw new LlavaException(Status.InvalidArgument,
                    name + " holds the character 0 at " + found + ", where a C text would end");
            if (value != null) Add(name, value);
        }

        public void Set(string name, long? value)
        {
            if (value.HasValue) Add(name, value.Value);
        }

        public void Set(string name, bool? value)
        {
            if (value.HasValue) Add(name, value.Value);
        }

        public void Set(string name, double? value)
        {
            if (!value.HasValue) return;
            if (double.IsNaN(value.Value) || double.IsInfinity(value.Value))
                throw new LlavaException(Status.InvalidArgument, name + " is " + value.Value + ", expected a finite number");
            Add(name, value.Value);
        }

        public void Set(string name, TimeSpan? value)
        {
            if (value.HasValue) Add(name, (long)Math.Ceiling(value.Value.TotalMilliseconds));
        }

        public void Set(string name, IEnumerable<string> values)
        {
            if (values == null) return;
            foreach (var value in values)
                if (value == null || value.IndexOf('\0') >= 0)
                    throw new LlavaException(Status.InvalidArgument, name + ": null, or a text with the character 0");
            Add(name, values);
        }

        public void Set(string name, IEnumerable<int> values)
        {
            if (values != null) Add(name, values);
        }

        public void Set(string name, IEnumerable<float> values)
        {
            if (values == null) return;
            foreach (var value in values) Set(name, (double)value); // refuses what JSON cannot hold
            set.RemoveAll(field => field.Key == name);
            Add(name, values);
        }

        /// <summary>A choice by its name: AsWritten is "as-written".</summary>
        public void Choose<T>(string name, T? value) where T : struct
        {
            if (!value.HasValue) return;
            if (!Enum.IsDefined(typeof(T), value.Value))
                throw new LlavaException(Status.InvalidArgument, name + " is " + value.Value + ", which is no " + typeof(T).Name);
            var text = new StringBuilder();
            foreach (var each in value.Value.ToString())
            {
                if (char.IsUpper(each) && text.Length > 0) text.Append('-');
                text.Append(char.ToLowerInvariant(each));
            }
            Add(name, text.ToString());
        }

        /// <summary>The C struct with these fields, and defaults for the others; to be disposed after its last use.</summary>
        public static T Fill<T>(LlavaOptions options) where T : class, IOptions, new()
        {
            LlavaNative.Load();
            var made = new T();
            try
            {
                if (options != null) made.Fill(options.ToString());
                return made;
            }
            catch
            {
                made.Dispose();
                throw;
            }
        }

        public override string ToString()
        {
            return Json.OfFields(set).ToString();
        }

        private void Add(string name, object value)
        {
            set.Add(new KeyValuePair<string, Json>(name, Json.Of(value)));
        }
    }
}
