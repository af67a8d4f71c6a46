//! What one source file says by itself: its reads of the environment, the functions that read by a parameter, its calls and
//! what it exports. Names are resolved by scopes, so that a local variable `process` is not the global one.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;

use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, AssignmentTarget, AssignmentTargetProperty, BindingPattern, Expression, FormalParameters,
    MethodDefinitionKind, Program, UnaryOperator,
};
use oxc_parser::{ParseOptions, Parser};
use oxc_semantic::{NodeId, Semantic, SemanticBuilder, SymbolId};
use oxc_span::{GetSpan, SourceType, Span};

use super::site::{Site, Usage, Way, When};

/// A line with it, or below it, is left out.
const IGNORE: &str = "permisos-secrets-ignore";
/// Methods of arrays that call a function for each element, at once.
pub(super) const EACH: [&str; 9] =
    ["every", "filter", "find", "findIndex", "flatMap", "forEach", "map", "reduce", "some"];
/// How deep a value is followed through variables, members and imports.
pub(super) const DEPTH: usize = 12;
/// The key of what `module.exports = …` and `export =` hand out.
pub(super) const WHOLE: &str = "=";

/// What one file says.
#[derive(Default)]
pub(super) struct Facts {
    /// Accesses by a name that is known.
    pub(super) sites: Vec<Found>,
    /// Where the environment is read by a name that the file does not say, or handed on as a whole.
    pub(super) unknown: Vec<Unknown>,
    pub(super) calls: Vec<Call>,
    /// Members of imported values, which may turn out to be the environment.
    pub(super) members: Vec<(Rc<str>, Vec<String>, Found)>,
    pub(super) functions: Vec<Function>,
    /// Values by the name under which they are exported.
    pub(super) exports: BTreeMap<String, Value>,
    /// Files all of whose exports are exported.
    pub(super) stars: Vec<String>,
    /// How many places a comment leaves out.
    pub(super) ignored: usize,
}

/// One access, and the function that it stands in.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) site: Site,
    pub(super) function: Option<usize>,
}

/// An access whose names are not known.
#[derive(Clone, Copy)]
pub(super) struct Unknown {
    pub(super) line: usize,
    pub(super) column: usize,
    /// The environment as a whole, rather than one variable.
    pub(super) is_whole: bool,
}

/// A function, as far as it reads the environment by its parameters.
#[derive(Clone, Default)]
pub(super) struct Function {
    /// The parameters that it takes as names of variables; the one of a rest parameter counts for all that follow.
    pub(super) names: Vec<(usize, bool)>,
    /// Where it does.
    pub(super) places: Vec<Unknown>,
    /// What runs after the caller went on says nothing about the load.
    pub(super) is_async: bool,
}

/// Where the names come from by which a variable is read.
#[derive(Clone)]
pub(super) enum Names {
    /// From this text, each with its place in the file.
    Known(Vec<(String, u32)>),
    /// From a parameter of a function; the flag: a rest parameter.
    Parameter(usize, usize, bool),
    Unknown,
}

/// A call of a function that is known, or that by its name reads the environment.
pub(super) struct Call {
    pub(super) target: Option<Target>,
    /// By its own name, or that of the object that it is a method of.
    pub(super) sounds_like_env: bool,
    /// What it is called.
    pub(super) name: String,
    pub(super) arguments: Vec<(Names, Vec<(usize, usize)>)>,
    /// The place, without a variable.
    pub(super) found: Found,
}

/// What is called.
#[derive(Clone)]
pub(super) enum Target {
    Local(usize),
    Imported(Rc<str>, Vec<String>),
}

/// What a name or an expression stands for, as far as it matters here.
#[derive(Clone)]
pub(super) enum Value {
    Environment,
    Function(usize),
    /// `Deno.env.get`.
    Getter,
    Imported(Rc<str>, Vec<String>),
    /// Of an object, a class or one of its instances.
    Members(Rc<BTreeMap<String, Value>>),
}

impl Value {
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        match self {
            Self::Members(members) => members.get(name).cloned(),
            Self::Imported(from, path) => {
                let mut path = path.clone();
                path.push(name.to_owned());
                Some(Self::Imported(from.clone(), path))
            }
            Self::Environment | Self::Function(_) | Self::Getter => None,
        }
    }

    pub(super) fn of(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Members(Rc::new(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }

    /// What a call of it runs: of a class its constructor.
    fn target(self) -> Option<Target> {
        match self {
            Self::Function(function) => Some(Target::Local(function)),
            Self::Imported(from, path) => Some(Target::Imported(from, path)),
            Self::Members(members) => members.get("constructor").cloned()?.target(),
            Self::Environment | Self::Getter => None,
        }
    }
}

/// Reads a file; the error is the line that cannot be parsed.
pub(super) fn read(allocator: &Allocator, path: &Path, text: &str) -> Result<Facts, usize> {
    let kind = SourceType::from_path(path).map_err(|_| 1_usize)?;
    let is_plain = path.extension().is_some_and(|it| it == "js" || it == "jsx");
    let kinds = if is_plain { vec![kind.with_unambiguous(true), kind.with_script(true)] } else { vec![kind] };
    let mut line = 1;
    for kind in kinds {
        let options =
            ParseOptions { allow_return_outside_function: true, preserve_parens: false, ..ParseOptions::default() };
        let parsed = Parser::new(allocator, text, kind).with_options(options).parse();
        if parsed.panicked {
            let label = parsed
                .diagnostics
                .iter()
                .find_map(|it| AsRef::<[_]>::as_ref(&it.labels).first().map(oxc_span::LabeledSpan::offset));
            let before = label.and_then(|at| text.as_bytes().get(..at as usize)).unwrap_or_default();
            line = before.split(|byte| *byte == b'\n').count();
            continue;
        }
        let program = allocator.alloc(parsed.program);
        let semantic = SemanticBuilder::new().with_build_nodes(true).build(program).semantic;
        let mut reader = Reader::new(&semantic, text);
        reader.read(program);
        return Ok(reader.facts);
    }
    Err(line)
}

/// One file that is read.
pub(super) struct Reader<'a, 's> {
    pub(super) semantic: &'s Semantic<'a>,
    text: &'s str,
    /// Where each line starts.
    lines: Vec<u32>,
    /// Functions by their node, and classes, whose function is the constructor.
    pub(super) functions: HashMap<NodeId, usize>,
    pub(super) values: RefCell<HashMap<SymbolId, Option<Value>>>,
    /// What objects and classes hold.
    pub(super) members: RefCell<HashMap<NodeId, Value>>,
    /// Parameters that the environment is handed to.
    pub(super) given: Vec<SymbolId>,
    pub(super) facts: Facts,
}

impl<'a, 's> Reader<'a, 's> {
    fn new(semantic: &'s Semantic<'a>, text: &'s str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| offset(at + 1));
        let lines = std::iter::once(0).chain(starts).collect();
        Self {
            semantic,
            text,
            lines,
            functions: HashMap::new(),
            values: RefCell::default(),
            members: RefCell::default(),
            given: vec![],
            facts: Facts::default(),
        }
    }

    fn read(&mut self, program: &'a Program<'a>) {
        self.find_functions();
        self.find_given();
        let nodes = self.semantic.nodes();
        for node in nodes.iter() {
            let id = node.id();
            match node.kind() {
                AstKind::StaticMemberExpression(member) => {
                    let name = member.property.name.to_string();
                    self.member(id, &member.object, Names::Known(vec![(name, member.property.span.start)]), false);
                    self.whole(id, AstKind::StaticMemberExpression(member));
                }
                AstKind::ComputedMemberExpression(member) => {
                    self.member(id, &member.object, self.names(&member.expression, DEPTH), true);
                    self.whole(id, AstKind::ComputedMemberExpression(member));
                }
                AstKind::IdentifierReference(identifier) => self.whole(id, AstKind::IdentifierReference(identifier)),
                AstKind::VariableDeclarator(declarator) => {
                    let value = declarator.init.as_ref().and_then(|init| self.value(init, DEPTH));
                    self.pattern(id, &declarator.id, value.as_ref());
                }
                AstKind::FormalParameter(parameter) => {
                    let given = self.is_given(&parameter.pattern).then_some(Value::Environment);
                    let value = given.or_else(|| self.value(parameter.initializer.as_deref()?, DEPTH));
                    self.pattern(id, &parameter.pattern, value.as_ref());
                }
                AstKind::AssignmentExpression(assignment) => {
                    if let AssignmentTarget::ObjectAssignmentTarget(target) = &assignment.left
                        && let Some(Value::Environment) = self.value(&assignment.right, DEPTH)
                    {
                        for property in &target.properties {
                            let (key, has_default, span) = match property {
                                AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                                    (Some(it.binding.name.to_string()), it.init.is_some(), it.span)
                                }
                                AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => {
                                    (it.name.static_name().map(|it| it.to_string()), false, it.span)
                                }
                            };
                            self.destructured(id, key, has_default, span);
                        }
                    }
                    self.assigned_export(&assignment.left, &assignment.right);
                }
                AstKind::BinaryExpression(binary) if binary.operator.as_str() == "in" => {
                    if let Some(Value::Environment) = self.value(&binary.right, DEPTH) {
                        let names = self.names(&binary.left, DEPTH);
                        self.access(id, names, Way::Computed, Some(Usage::Presence), binary.span);
                    }
                }
                AstKind::CallExpression(call) => self.call(id, &call.callee, &call.arguments, call.span),
                AstKind::NewExpression(call) => self.call(id, &call.callee, &call.arguments, call.span),
                _ => {}
            }
        }
        for statement in &program.body {
            self.exported(statement);
        }
    }

    fn find_functions(&mut self) {
        for node in self.semantic.nodes().iter() {
            let is_async = match node.kind() {
                AstKind::Function(function) => function.r#async || function.generator,
                AstKind::ArrowFunctionExpression(arrow) => arrow.r#async,
                AstKind::Class(_) => false,
                _ => continue,
            };
            // A constructor shares the entry of its class, which comes first.
            let class = match self.semantic.nodes().parent_kind(node.id()) {
                AstKind::MethodDefinition(method) if method.kind == MethodDefinitionKind::Constructor => {
                    let body = self.semantic.nodes().parent_id(self.semantic.nodes().parent_id(node.id()));
                    self.functions.get(&self.semantic.nodes().parent_id(body)).copied()
                }
                _ => None,
            };
            let index = class.unwrap_or(self.facts.functions.len());
            if class.is_none() {
                self.facts.functions.push(Function { is_async, ..Function::default() });
            }
            self.functions.insert(node.id(), index);
        }
    }

    /// Parameters of this file's functions to which a call hands the environment, through three functions at most.
    fn find_given(&mut self) {
        for _ in 0..3 {
            let mut given = vec![];
            for node in self.semantic.nodes().iter() {
                let AstKind::CallExpression(call) = node.kind() else { continue };
                let is_environment = |argument: &Argument<'a>| {
                    let value = argument.as_expression().and_then(|it| self.value(it, DEPTH));
                    matches!(value, Some(Value::Environment))
                };
                for (at, argument) in call.arguments.iter().enumerate() {
                    if !is_environment(argument) {
                        continue;
                    }
                    let Some(Value::Function(function)) = self.value(&call.callee, DEPTH) else { continue };
                    let parameter = self.parameters(function).and_then(|it| it.items.get(at));
                    given.extend(parameter.into_iter().flat_map(|it| it.pattern.get_symbol_ids()));
                }
            }
            given.retain(|symbol| !self.given.contains(symbol));
            if given.is_empty() {
                return;
            }
            self.given.extend(given);
            self.values.borrow_mut().clear();
            self.members.borrow_mut().clear();
        }
    }

    fn is_given(&self, pattern: &BindingPattern<'a>) -> bool {
        !self.given.is_empty() && pattern.get_symbol_ids().iter().any(|symbol| self.given.contains(symbol))
    }

    fn parameters(&self, function: usize) -> Option<&'a FormalParameters<'a>> {
        let of = |(id, index): (&NodeId, &usize)| {
            if *index != function {
                return None;
            }
            match self.semantic.nodes().kind(*id) {
                AstKind::Function(function) => Some(&*function.params),
                AstKind::ArrowFunctionExpression(arrow) => Some(&*arrow.params),
                _ => None,
            }
        };
        self.functions.iter().find_map(of)
    }

    /// `object.name` or `object[name]`.
    fn member(&mut self, id: NodeId, object: &'a Expression<'a>, names: Names, is_computed: bool) {
        let way = match object.get_inner_expression() {
            Expression::Identifier(it) if !(it.name == "env" && is_computed) => Way::Alias,
            _ if is_computed => Way::Computed,
            _ => Way::Member,
        };
        match self.value(object, DEPTH) {
            Some(Value::Environment) => {
                let is_method =
                    matches!(&names, Names::Known(names) if names.iter().any(|it| it.0 == "hasOwnProperty"));
                if !is_method {
                    let span = self.semantic.nodes().kind(id).span();
                    self.access(id, names, way, None, span);
                }
            }
            Some(Value::Imported(from, path)) if from.starts_with('.') => {
                let Names::Known(names) = names else { return };
                for (name, at) in names.into_iter().filter(|(name, _)| is_variable(name)) {
                    let span = self.semantic.nodes().kind(id).span();
                    let found = self.found(id, name, Way::Alias, None, if is_computed { at } else { span.start });
                    self.facts.members.extend(found.map(|found| (from.clone(), path.clone(), found)));
                }
            }
            _ => {}
        }
    }

    /// Takes down one access for each name.
    fn access(&mut self, id: NodeId, names: Names, way: Way, usage: Option<Usage>, span: Span) {
        match names {
            Names::Known(names) => {
                let is_list = names.len() > 1;
                for (name, at) in names {
                    // Of a list, where the name is written.
                    let (way, at) = if is_list { (Way::List, at) } else { (way, span.start) };
                    let found = self.found(id, name, way, usage, at);
                    self.facts.sites.extend(found);
                }
            }
            Names::Parameter(function, parameter, is_rest) => {
                let (line, column) = self.place(span.start);
                let function = &mut self.facts.functions[function];
                function.names.push((parameter, is_rest));
                function.places.push(Unknown { line, column, is_whole: false });
            }
            Names::Unknown => self.unknown(span, false),
        }
    }

    fn unknown(&mut self, span: Span, is_whole: bool) {
        if self.is_ignored(span.start) {
            self.facts.ignored += 1;
            return;
        }
        let (line, column) = self.place(span.start);
        self.facts.unknown.push(Unknown { line, column, is_whole });
    }

    fn found(&mut self, id: NodeId, variable: String, way: Way, usage: Option<Usage>, at: u32) -> Option<Found> {
        if self.is_ignored(at) {
            self.facts.ignored += 1;
            return None;
        }
        let (line, column) = self.place(at);
        let (when, function) = self.when(id);
        let usage = usage.unwrap_or_else(|| self.usage(id));
        let site = Site { line, column, variable, way, usage, when, at_load: when.is_load(), through: None };
        Some(Found { site, function })
    }

    /// A pattern that takes a value apart.
    fn pattern(&mut self, id: NodeId, pattern: &'a BindingPattern<'a>, value: Option<&Value>) {
        match (pattern, value) {
            (BindingPattern::AssignmentPattern(it), value) => {
                let otherwise = value.is_none().then(|| self.value(&it.right, DEPTH)).flatten();
                self.pattern(id, &it.left, value.or(otherwise.as_ref()));
            }
            (BindingPattern::ObjectPattern(object), Some(value)) => {
                for property in &object.properties {
                    let key = property.key.static_name().map(|it| it.to_string());
                    if let Value::Environment = value {
                        let has_default = matches!(property.value, BindingPattern::AssignmentPattern(_));
                        self.destructured(id, key, has_default, property.span);
                    } else if let Some(member) = key.and_then(|key| value.member(&key)) {
                        self.pattern(id, &property.value, Some(&member));
                    }
                }
                if let (Value::Environment, Some(rest)) = (value, &object.rest) {
                    self.unknown(rest.span, true);
                }
            }
            _ => {}
        }
    }

    fn destructured(&mut self, id: NodeId, key: Option<String>, has_default: bool, span: Span) {
        let usage = if has_default { Usage::Default } else { Usage::Value };
        let names = key.map_or(Names::Unknown, |key| Names::Known(vec![(key, span.start)]));
        self.access(id, names, Way::Destructured, Some(usage), span);
    }

    fn call(&mut self, id: NodeId, callee: &'a Expression<'a>, given: &'a [Argument<'a>], span: Span) {
        let method = match callee.get_inner_expression() {
            Expression::StaticMemberExpression(member) => Some((&member.object, member.property.name.as_str())),
            _ => None,
        };
        let names = |at: usize| {
            let argument = given.get(at).and_then(Argument::as_expression);
            argument.map_or(Names::Unknown, |it| self.names(it, DEPTH))
        };
        // `process.env.hasOwnProperty(name)`, `Object.hasOwn(process.env, name)` and its forerunner.
        if let Some((object, name)) = method {
            let first = given.first().and_then(Argument::as_expression).and_then(|it| self.value(it, DEPTH));
            let at = match (name, self.value(object, DEPTH), first) {
                ("hasOwnProperty", Some(Value::Environment), _) => Some(0),
                ("hasOwn" | "call", _, Some(Value::Environment)) => Some(1),
                _ => None,
            };
            if let Some(at) = at {
                return self.access(id, names(at), Way::Computed, Some(Usage::Presence), span);
            }
        }
        let value = self.value(callee, DEPTH);
        if let Some(Value::Getter) = value {
            return self.access(id, names(0), Way::Member, None, span);
        }
        let arguments: Vec<Names> = given
            .iter()
            .map(|argument| {
                argument.as_expression().map_or(Names::Unknown, |it| match self.names(it, DEPTH) {
                    Names::Unknown => self.elements(it, DEPTH),
                    names => names,
                })
            })
            .collect();
        let target = value.and_then(Value::target);
        let path = path_of(callee);
        let sounds_like_env = path.iter().any(|it| {
            let lower = it.to_ascii_lowercase();
            lower.starts_with("env") || lower.ends_with("env") || lower.contains("config") || it == "getOrThrow"
        });
        let is_named = matches!(arguments.first(), Some(Names::Known(_)));
        if target.is_none() && !(sounds_like_env && is_named) {
            return;
        }
        let Some(found) = self.found(id, String::new(), Way::Helper, None, span.start) else { return };
        let name = path.last().cloned().unwrap_or_default();
        let arguments = arguments.into_iter().map(|names| self.placed(names)).collect();
        self.facts.calls.push(Call { target, sounds_like_env, name, arguments, found });
    }

    /// Names with the lines and columns where they stand.
    fn placed(&self, names: Names) -> (Names, Vec<(usize, usize)>) {
        let places = match &names {
            Names::Known(names) => names.iter().map(|(_, at)| self.place(*at)).collect(),
            _ => vec![],
        };
        (names, places)
    }

    /// Reports an expression that is the environment and is used as a whole.
    fn whole(&mut self, id: NodeId, kind: AstKind<'a>) {
        let value = match kind {
            AstKind::IdentifierReference(it) => self.identifier(it, DEPTH),
            AstKind::StaticMemberExpression(it) => {
                self.value(&it.object, DEPTH).and_then(|value| value.member(it.property.name.as_str()))
            }
            AstKind::ComputedMemberExpression(it) => {
                let Names::Known(names) = self.names(&it.expression, DEPTH) else { return };
                self.value(&it.object, DEPTH).and_then(|value| value.member(&names.first()?.0))
            }
            _ => None,
        };
        if !matches!(value, Some(Value::Environment)) {
            return;
        }
        let nodes = self.semantic.nodes();
        let (mut at, mut span) = (id, kind.span());
        for parent in nodes.ancestors(id) {
            match parent.kind() {
                AstKind::TSAsExpression(_)
                | AstKind::TSNonNullExpression(_)
                | AstKind::TSSatisfiesExpression(_)
                | AstKind::TSTypeAssertion(_)
                | AstKind::ChainExpression(_)
                | AstKind::LogicalExpression(_) => (at, span) = (parent.id(), parent.kind().span()),
                _ => break,
            }
        }
        let is_whole = match nodes.parent_kind(at) {
            AstKind::CallExpression(call) => {
                let is_presence = matches!(call.callee.get_inner_expression(),
                    Expression::StaticMemberExpression(it) if ["hasOwn", "call"].contains(&it.property.name.as_str()));
                // Handed to a function of this file, its parameter is looked at.
                let is_followed = matches!(self.value(&call.callee, DEPTH), Some(Value::Function(_)));
                call.callee.span() != span && !is_presence && !is_followed
            }
            AstKind::SpreadElement(_)
            | AstKind::ReturnStatement(_)
            | AstKind::NewExpression(_)
            | AstKind::ObjectProperty(_)
            | AstKind::ArrayExpression(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::PropertyDefinition(_)
            | AstKind::JSXExpressionContainer(_)
            | AstKind::JSXSpreadAttribute(_) => true,
            AstKind::AssignmentExpression(assignment) => {
                let is_pattern = matches!(assignment.left, AssignmentTarget::ObjectAssignmentTarget(_));
                assignment.right.span() == span && !is_pattern && self.export_name(&assignment.left).is_none()
            }
            _ => false,
        };
        if is_whole {
            self.unknown(kind.span(), true);
        }
    }

    /// What an access is for.
    fn usage(&self, id: NodeId) -> Usage {
        let nodes = self.semantic.nodes();
        let mut span = nodes.kind(id).span();
        for parent in nodes.ancestors(id) {
            let kind = parent.kind();
            match kind {
                AstKind::LogicalExpression(it) if it.left.span() == span => {
                    return if it.operator.as_str() == "&&" { Usage::Presence } else { Usage::Default };
                }
                AstKind::TSAsExpression(_)
                | AstKind::TSNonNullExpression(_)
                | AstKind::TSSatisfiesExpression(_)
                | AstKind::TSTypeAssertion(_)
                | AstKind::ChainExpression(_)
                | AstKind::LogicalExpression(_) => span = kind.span(),
                AstKind::AssignmentExpression(it) if it.left.span() == span => return Usage::Write,
                AstKind::UpdateExpression(_) => return Usage::Write,
                AstKind::UnaryExpression(it) => {
                    return match it.operator {
                        UnaryOperator::Delete => Usage::Write,
                        UnaryOperator::LogicalNot => Usage::Presence,
                        _ => Usage::Value,
                    };
                }
                AstKind::IfStatement(it) if it.test.span() == span => return Usage::Presence,
                AstKind::ConditionalExpression(it) if it.test.span() == span => return Usage::Presence,
                AstKind::CallExpression(it) if it.callee.is_specific_id("Boolean") => return Usage::Presence,
                AstKind::BinaryExpression(it) if it.operator.is_equality() => return Usage::Comparison,
                _ => return Usage::Value,
            }
        }
        Usage::Value
    }

    /// When the code at a node runs, and the function that it stands in.
    fn when(&self, id: NodeId) -> (When, Option<usize>) {
        let nodes = self.semantic.nodes();
        let mut below = id;
        for parent in nodes.ancestors(id) {
            let at = parent.id();
            match parent.kind() {
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) if !self.runs_at_once(at) => {
                    let function = self.functions.get(&at).copied();
                    let is_constructor = matches!(nodes.parent_kind(at),
                        AstKind::MethodDefinition(it) if it.kind == MethodDefinitionKind::Constructor);
                    return (if is_constructor { When::Constructor } else { When::Function }, function);
                }
                // A static field or block runs with what the class stands in.
                AstKind::PropertyDefinition(it)
                    if !it.r#static && it.value.as_ref().is_some_and(|it| it.span() == nodes.kind(below).span()) =>
                {
                    let class = nodes.parent_id(nodes.parent_id(at));
                    return (When::Field, self.functions.get(&class).copied());
                }
                _ => {}
            }
            below = at;
        }
        let is_static = nodes.ancestors(id).any(|it| match it.kind() {
            AstKind::StaticBlock(_) => true,
            AstKind::PropertyDefinition(it) => it.r#static,
            _ => false,
        });
        (if is_static { When::Static } else { When::Load }, None)
    }

    /// A function that is called where it stands, or for each element of an array.
    fn runs_at_once(&self, id: NodeId) -> bool {
        let span = self.semantic.nodes().kind(id).span();
        let is_async = self.functions.get(&id).is_some_and(|it| self.facts.functions[*it].is_async);
        match self.semantic.nodes().parent_kind(id) {
            AstKind::CallExpression(call) if call.callee.get_inner_expression().span() == span => !is_async,
            AstKind::CallExpression(call) => match call.callee.get_inner_expression() {
                Expression::StaticMemberExpression(it) => EACH.contains(&it.property.name.as_str()),
                _ => false,
            },
            _ => false,
        }
    }

    /// Line and column of an offset, from 1.
    fn place(&self, at: u32) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at) - 1;
        let before = self.text.get(self.lines[line] as usize..at as usize).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    fn is_ignored(&self, at: u32) -> bool {
        let line = self.place(at).0 - 1;
        let text = |line: usize| {
            let end = self.lines.get(line + 1).map_or(self.text.len(), |end| *end as usize);
            self.text.get(self.lines[line] as usize..end).unwrap_or_default()
        };
        let is_comment = |line: &str| ["//", "/*", "*", "{/*"].iter().any(|start| line.trim_start().starts_with(start));
        text(line).contains(IGNORE) || line > 0 && text(line - 1).contains(IGNORE) && is_comment(text(line - 1))
    }
}

/// The names of which a callee is made: `this.config.get`.
fn path_of(callee: &Expression<'_>) -> Vec<String> {
    match callee.get_inner_expression() {
        Expression::Identifier(it) => vec![it.name.to_string()],
        Expression::StaticMemberExpression(it) => {
            let mut path = path_of(&it.object);
            path.push(it.property.name.to_string());
            path
        }
        _ => vec![],
    }
}

/// How variables of an environment are called.
pub(super) fn is_variable(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
