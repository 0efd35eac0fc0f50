// JSON as the library speaks it: reports, plans, events, options. A tree to read, and a way to write one.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Llava
{
    /// <summary>Kinds of JSON values.</summary>
    public enum JsonKind
    {
        /// <summary>null, or what is not there.</summary>
        Null,
        /// <summary>true or false.</summary>
        Flag,
        /// <summary>A number.</summary>
        Number,
        /// <summary>A text.</summary>
        Text,
        /// <summary>A list.</summary>
        List,
        /// <summary>An object.</summary>
        Object
    }

    /// <summary>
    /// A JSON value; it never changes. Asking for what is not there gives Null, whose Text is "" and whose Number is 0:
    /// plan["memory"]["total"].Integer. Enumerating gives the values of a list or an object.
    /// </summary>
    public sealed class Json : IEnumerable<Json>
    {
        private static readonly Json Nothing = new Json(JsonKind.Null, null);

        private readonly object value;

        private Json(JsonKind kind, object value)
        {
            Kind = kind;
            this.value = value;
        }

        /// <summary>What kind of value.</summary>
        public JsonKind Kind { get; private set; }

        /// <summary>Whether it is null or not there.</summary>
        public bool IsNull { get { return Kind == JsonKind.Null; } }

        /// <summary>A text; "" for other kinds.</summary>
        public string Text { get { return value as string ?? ""; } }

        /// <summary>A number; 0 for other kinds.</summary>
        public double Number
        {
            get { return value is long ? (long)value : value is double ? (double)value : 0; }
        }

        /// <summary>A whole number, exact where it was written without point and exponent; 0 for other kinds.</summary>
        public long Integer
        {
            get { return value is long ? (long)value : value is double ? (long)(double)value : 0; }
        }

        /// <summary>True for true alone.</summary>
        public bool Flag { get { return value is bool && (bool)value; } }

        /// <summary>How many values a list or an object has.</summary>
        public int Count
        {
            get { return Kind == JsonKind.List ? Values.Count : Kind == JsonKind.Object ? Fields.Count : 0; }
        }

        /// <summary>The names of an object's values, in their order.</summary>
        public IEnumerable<string> Keys
        {
            get
            {
                if (Kind != JsonKind.Object) yield break;
                foreach (var field in Fields) yield return field.Key;
            }
        }

        /// <summary>A value of an object.</summary>
        public Json this[string key]
        {
            get
            {
                if (Kind == JsonKind.Object)
                    foreach (var field in Fields)
                        if (field.Key == key) return field.Value;
                return Nothing;
            }
        }

        /// <summary>A value of a list.</summary>
        public Json this[int index]
        {
            get { return Kind == JsonKind.List && index >= 0 && index < Values.Count ? Values[index] : Nothing; }
        }

        private List<Json> Values { get { return (List<Json>)value; } }

        private List<KeyValuePair<string, Json>> Fields { get { return (List<KeyValuePair<string, Json>>)value; } }

        /// <summary>Reads a text. Throws FormatException with the place of what is no JSON.</summary>
        public static Json Parse(string text)
        {
            return new Internal.JsonReader(text).Whole();
        }

        /// <summary>
        /// Makes a value of null, a bool, a number, a text, a Json, an IDictionary (an object) or an IEnumerable (a list).
        /// Throws ArgumentException for anything else, and for numbers JSON does not have.
        /// </summary>
        public static Json Of(object value)
        {
            if (value == null) return Nothing;
            if (value is Json) return (Json)value;
            if (value is bool) return new Json(JsonKind.Flag, value);
            if (value is string) return new Json(JsonKind.Text, value);
            if (value is int || value is long || value is short || value is byte || value is uint)
                return new Json(JsonKind.Number, Convert.ToInt64(value, CultureInfo.InvariantCulture));
            if (value is float || value is double) return OfNumber(value is float ? (float)value : (double)value);
            if (value is IDictionary) return OfDictionary((IDictionary)value);
            if (value is IEnumerable) return OfList((IEnumerable)value);
            throw new ArgumentException("JSON has no " + value.GetType().Name, "value");
        }

        /// <summary>The values of a list or an object.</summary>
        public IEnumerator<Json> GetEnumerator()
        {
            if (Kind == JsonKind.List)
                foreach (var each in Values) yield return each;
            else if (Kind == JsonKind.Object)
                foreach (var field in Fields) yield return field.Value;
        }

        IEnumerator IEnumerable.GetEnumerator()
        {
            return GetEnumerator();
        }

        /// <summary>The value as JSON in one line.</summary>
        public override string ToString()
        {
            return ToString(0);
        }

        /// <summary>The value as JSON, each level moved in by so many blanks; 0: one line.</summary>
        public string ToString(int indent)
        {
            var text = new StringBuilder();
            Write(text, indent, 0);
            return text.ToString();
        }

        internal static Json OfFields(List<KeyValuePair<string, Json>> fields)
        {
            return new Json(JsonKind.Object, fields);
        }

        internal static Json OfValues(List<Json> values)
        {
            return new Json(JsonKind.List, values);
        }

        private static Json OfNumber(double number)
        {
            if (double.IsNaN(number) || double.IsInfinity(number))
                throw new ArgumentException("JSON has no number " + number.ToString(CultureInfo.InvariantCulture), "value");
            return new Json(JsonKind.Number, number);
        }

        private static Json OfDictionary(IDictionary given)
        {
            var fields = new List<KeyValuePair<string, Json>>();
            foreach (DictionaryEntry entry in given)
                fields.Add(new KeyValuePair<string, Json>((string)entry.Key, Of(entry.Value)));
            return OfFields(fields);
        }

        private static Json OfList(IEnumerable given)
        {
            var values = new List<Json>();
            foreach (var each in given) values.Add(Of(each));
            return OfValues(values);
        }

        private void Write(StringBuilder text, int indent, int depth)
        {
            switch (Kind)
            {
                case JsonKind.Null:
                    text.Append("null");
                    break;
                case JsonKind.Flag:
                    text.Append(Flag ? "true" : "false");
                    break;
                case JsonKind.Number:
                    text.Append(value is long ? ((long)value).ToString(CultureInfo.InvariantCulture)
                                              : ((double)value).ToString("R", CultureInfo.InvariantCulture));
                    break;
                case JsonKind.Text:
                    Internal.JsonReader.Quote(text, Text);
                    break;
                default:
                    WriteAll(text, indent, depth);
                    break;
            }
        }

        private void WriteAll(StringBuilder text, int indent, int depth)
        {
            var isList = Kind == JsonKind.List;
            var first = true;
            text.Append(isList ? '[' : '{');
            for (var index = 0; index < Count; ++index)
            {
                text.Append(first ? "" : indent > 0 ? "," : ", ");
                first = false;
                NewLine(text, indent, depth + 1);
                if (!isList)
                {
                    Internal.JsonReader.Quote(text, Fields[index].Key);
                    text.Append(": ");
                }
                (isList ? Values[index] : Fields[index].Value).Write(text, indent, depth + 1);
            }
            if (!first) NewLine(text, indent, depth);
            text.Append(isList ? ']' : '}');
        }

        private static void NewLine(StringBuilder text, int indent, int depth)
        {
            if (indent > 0) text.Append('\n').Append(' ', indent * depth);
        }
    }
}
